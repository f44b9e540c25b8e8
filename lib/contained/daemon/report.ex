defmodule Contained.Daemon.Report do
  @moduledoc false
  # Tells the world what happens to a daemon: its subscribers, and telemetry.

  require Logger

  alias Contained.Daemon.{Events, StatusFile}
  alias Contained.{Error, Result, Signals, Telemetry}

  @type state :: Contained.Daemon.State.t()

  @spec started(state) :: state
  def started(state) do
    state = publish(state, {:started, state.os_pid})
    %{state | span: Telemetry.daemon(metadata(state))}
  end

  @spec ready(state) :: state
  def ready(state), do: state |> publish(:ready) |> point(:ready)

  @spec paused(state) :: state
  def paused(state), do: state |> publish(:paused) |> point(:paused)

  @spec resumed(state) :: state
  def resumed(state), do: state |> publish(:resumed) |> point(:resumed)

  @doc "The program has ended."
  @spec exited(state, Result.t()) :: state
  def exited(state, result) do
    state = if oom?(result), do: state |> publish(:oom) |> point(:oom), else: state
    state = Enum.reduce(hit(result), state, &publish(&2, {:limit_hit, &1}))
    state = publish(state, {:exited, result})
    Telemetry.ended(state.span, {:ok, result})
    %{state | span: nil}
  end

  defp oom?(result), do: result.reason == :oom or Map.get(result.usage, :oom_kills, 0) > 0

  defp hit(%{reason: :oom}), do: [:memory]
  defp hit(%{reason: :timeout}), do: [:max_runtime]
  defp hit(%{reason: :watchdog}), do: [:watchdog]
  defp hit(%{reason: :output_limit}), do: [:max_output]
  defp hit(_result), do: []

  @doc "The program could not be started."
  @spec failed(state, Contained.Error.t()) :: state
  def failed(state, error) do
    Telemetry.ended(Telemetry.daemon(metadata(state)), {:error, error})
    state
  end

  @doc "The daemon itself fails, its program is about to be stopped."
  @spec crashed(state, term) :: state
  def crashed(state, {reason, stack}) do
    Telemetry.failed(state.span, :error, reason, stack)
    %{state | span: nil}
  end

  @doc "It will be started again."
  @spec restart(state, term) :: state
  def restart(state, reason) do
    more = %{reason: reason, restarts: state.restarts}
    Telemetry.point(:restart, Map.merge(metadata(state), more))
    state
  end

  @doc "Something is wrong with a sink, or right again: whoever looks after the disk has to know."
  @spec sink(state, map) :: state
  def sink(state, report) do
    Logger.warning("#{program(state)}: #{text(report)}", domain: [:contained])
    publish(state, {:sink, report})
  end

  defp text(%{event: :trouble, reason: reason, subject: subject}),
    do:
      "its output cannot be written to #{subject}: #{:file.format_error(reason)} (#{inspect(reason)})"

  defp text(%{event: :over, dropped: dropped, subject: subject}),
    do: "its output is written to #{subject} again, #{dropped} bytes were dropped"

  defp text(%{event: :died, program: program, status: status}),
    do: "#{program}, which reads its output, has ended (#{inspect(status)}) and is started again"

  defp text(%{event: :failed, error: error}),
    do: "what reads its output could not be started: #{Exception.message(error)}"

  @doc "What the program has told by sd_notify(3)."
  @spec notified(state, term) :: state
  def notified(state, event), do: publish(state, event)

  @doc "It has been silent for too long, and is being stopped."
  @spec watchdog(state) :: state
  def watchdog(state), do: state |> publish(:watchdog) |> point(:watchdog)

  @doc "A descendant of its program whose parent had died has ended. No line of the status file: there may be many."
  @spec orphan(state, pos_integer, Result.exit()) :: state
  def orphan(state, os_pid, exit) do
    Events.publish(state.tap.events, {:orphan_exit, os_pid, exit})
    state
  end

  @doc "It was sent a signal."
  @spec signal(state, 1..64, :all | :leader) :: state
  def signal(state, number, target) do
    more = %{signal: Signals.name(number), target: target}
    Telemetry.point(:signal, Map.merge(metadata(state), more))
    publish(state, {:signal, more.signal, target})
  end

  @doc "The daemon ends."
  @spec stopped(state, term) :: :ok
  def stopped(state, reason) do
    publish(state, {:stopped, reason})
    :ok
  end

  defp publish(state, event) do
    Events.publish(state.tap.events, event)
    if path = state.config.options[:status_file], do: note(state, path, event), else: state
  end

  # A full disk ends no daemon; it is told once.
  defp note(state, path, event) do
    case StatusFile.write(path, event, state.os_pid, program(state)) do
      :ok -> %{state | status_file: :ok}
      {:error, reason} -> unwritable(state, path, reason)
    end
  end

  defp unwritable(%{status_file: reason} = state, _path, reason), do: state

  defp unwritable(state, path, reason) do
    error = %Error{stage: :status_file, reason: reason, subject: path}
    Logger.warning("#{program(state)}: #{Exception.message(error)}", domain: [:contained])
    %{state | status_file: reason}
  end

  defp point(state, event) do
    Telemetry.point(event, metadata(state))
    state
  end

  defp program(%{config: %{command: %{call: {program, _args, _opts}}}}), do: program

  defp metadata(%{config: %{command: %{call: {program, args, _opts}}}} = state),
    do: %{name: state.name, program: program, args: args, os_pid: state.os_pid}
end
