defmodule Contained.LogSinks do
  @moduledoc false
  # Sinks with a program of `sh`, as a daemon has them: the calling process owns both.

  alias Contained.{Command, Session}
  alias Contained.Daemon.Sinks

  @ladder [{15, 500}]

  def context(fields \\ []),
    do:
      Map.merge(
        %{launcher: Contained.Launcher, ladder: @ladder, cd: "/", tee: false},
        Map.new(fields)
      )

  def open!(sinks, fields \\ []) do
    {:ok, specs} = Sinks.parse(sinks)
    {:ok, sinks, streams} = Sinks.open(specs, context(fields))
    {sinks, streams}
  end

  @doc "Runs the script, whose stdout goes to the sinks."
  def start!(streams, script, args \\ [], fields \\ %{}) do
    {:ok, command} = Command.new(:start, "sh", ["-c", script, "sh" | args], stop_signal: @ladder)
    spec = command.spec |> Map.merge(%{stdout: streams.stdout, stdin: :null}) |> Map.merge(fields)
    {:ok, process} = Session.open(%{command | spec: spec, launcher: streams.launcher})
    process
  end

  @doc "Handles the mailbox until `fun` is true of the value and what was told."
  def until(sinks, told \\ [], fun) do
    if fun.(sinks, Enum.reverse(told)),
      do: {sinks, Enum.reverse(told)},
      else: wait(sinks, told, fun)
  end

  defp wait(sinks, told, fun) do
    receive do
      message -> handle(Sinks.event(sinks, message), sinks, told, fun)
    after
      60_000 -> ExUnit.Assertions.flunk("not told: #{inspect(told)}")
    end
  end

  defp handle({:ok, sinks}, _before, told, fun), do: until(sinks, told, fun)

  defp handle({kind, what, sinks}, _before, told, fun),
    do: until(sinks, [{kind, what} | told], fun)

  defp handle(:none, sinks, told, fun), do: until(sinks, told, fun)

  @doc "Closes; what was told until then, less the ends."
  def close(sinks) do
    parent = self()
    ref = make_ref()
    :ok = Sinks.close(sinks, &send(parent, {ref, &1}))
    collect(ref)
  end

  defp collect(ref) do
    receive do
      {^ref, told} -> [told | collect(ref)]
    after
      0 -> []
    end
  end

  @doc "A second VM's, see `Contained.VM.Guest`: what runs there bears the marker."
  def guest(path, marker) do
    {_sinks, streams} = open!({:file, path, rotate: [size: 20_000]})
    start!(streams, "i=0; while :; do i=$((i+1)); echo line $i; done", [marker])
  end
end
