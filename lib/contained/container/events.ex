defmodule Contained.Container.Events do
  @moduledoc false
  # Whom a container tells what happens in it: processes, forgotten when they end.

  alias Contained.Container.Census
  alias Contained.{Error, Result}

  @opaque t :: %{reference => pid}

  @spec new([pid]) :: t
  def new(pids), do: Enum.reduce(pids, %{}, &subscribe(&2, &1))

  @doc "Adds a subscriber; once is enough."
  @spec subscribe(t, pid) :: t
  def subscribe(events, pid) do
    if pid in Map.values(events),
      do: events,
      else: Map.put(events, :erlang.monitor(:process, pid, tag: :subscriber_down), pid)
  end

  @spec unsubscribe(t, pid) :: t
  def unsubscribe(events, pid) do
    gone = for {monitor, ^pid} <- events, do: monitor
    for monitor <- gone, do: Process.demonitor(monitor, [:flush])
    Map.drop(events, gone)
  end

  @spec down(t, reference) :: t
  def down(events, monitor), do: Map.delete(events, monitor)

  @spec any?(t) :: boolean
  def any?(events), do: events != %{}

  @doc "Tells of a command's end, as the launcher has it; returns how that was."
  @spec over(t, map, tuple | :launcher_down) :: {:failed, Error.t()} | {:ended, Result.t()}
  def over(events, command, {:failed, stage, reason, subject}) do
    error = Error.new(stage, reason, subject)
    publish(events, :process_error, %{error: error, program: command.program})
    {:failed, error}
  end

  def over(events, command, how) do
    result = Result.new(command.os_pid, ended(how))
    details = %{os_pid: command.os_pid, program: command.program, result: result}
    publish(events, :process_exited, Map.put(details, :registered, true))
    {:ended, result}
  end

  defp ended({:ended, map}), do: map
  defp ended(:launcher_down), do: :launcher_down

  @doc "Tells what has grown; returns the counters as they are now."
  @spec counted(t, Census.counters(), map) :: Census.counters()
  def counted(events, before, counts) do
    now = Map.merge(before, counts, fn _key, one, other -> max(one, other) end)
    for {key, count} <- now, count > before[key], do: hit(events, key, count)
    now
  end

  defp hit(events, :oom, count), do: publish(events, :oom, %{oom_kills: count})
  defp hit(events, key, count), do: publish(events, :limit_hit, %{limit: key, count: count})

  @doc "Tells them, as `{:contained, container, event, details}`."
  @spec publish(t, atom, map) :: :ok
  def publish(events, event, details) do
    for {_monitor, pid} <- events, do: send(pid, {:contained, self(), event, details})
    :ok
  end
end
