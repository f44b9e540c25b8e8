defmodule Contained.FakeLauncher do
  @moduledoc false
  # A launcher without a port program: it starts every command at once, as process 42, and hands
  # on to the test whatever it is asked.

  alias Contained.Command

  def new do
    test = self()
    spawn_link(fn -> loop(test) end)
  end

  defp loop(test) do
    receive do
      {:contained, :start, ref, _owner, _spec} = start ->
        send(test, start)
        tell(ref, {:started, 42})
        loop(test)

      message ->
        send(test, message)
        loop(test)
    end
  end

  def tell(ref, message), do: send(ref, {ref, message})

  def command(launcher, spec \\ %{}, fields \\ []) do
    spec = Map.merge(%{program: "/bin/x", args: ["x"]}, spec)
    struct!(Command, [launcher: launcher, spec: spec] ++ fields)
  end

  def ended(fields \\ %{}) do
    Map.merge(%{status: {:exited, 0}, reason: :exit, left_behind: 0, unkilled: 0}, fields)
  end
end
