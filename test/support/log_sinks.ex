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

  @doc """
  Handles the mailbox until `fun` is true of the value and what was told. Messages about something
  else stay.
  """
  def until(sinks, fun) do
    {sinks, told, others} = until(sinks, [], [], fun)
    for message <- Enum.reverse(others), do: send(self(), message)
    {sinks, Enum.reverse(told)}
  end

  defp until(sinks, told, others, fun) do
    if fun.(sinks, Enum.reverse(told)),
      do: {sinks, told, others},
      else: wait(sinks, told, others, fun)
  end

  defp wait(sinks, told, others, fun) do
    receive do
      message ->
        case Sinks.event(sinks, message) do
          {:ok, sinks} -> until(sinks, told, others, fun)
          {kind, what, sinks} -> until(sinks, [{kind, what} | told], others, fun)
          :none -> until(sinks, told, [message | others], fun)
        end
    after
      60_000 -> ExUnit.Assertions.flunk("not told: #{inspect(told)}")
    end
  end

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
