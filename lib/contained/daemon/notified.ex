defmodule Contained.Daemon.Notified do
  @moduledoc false
  # What a daemon makes of what its program tells by sd_notify(3), and of its silence.
  #
  # Functions take the daemon's state and return it, or `{:stop, reason, state}`.

  require Logger

  alias Contained.Daemon.{Notify, Output, Report, Run, State}
  alias Contained.Session

  @type next :: State.next()

  # Milliseconds, as the options have them.
  @longest 4_000_000_000
  @longest_status 1_024

  # The daemon's program is the one it has started; descriptors are not kept for anybody.
  @ignored ~w(MAINPID MAINPIDFD MAINPIDFDID FDSTORE FDSTOREREMOVE FDNAME FDPOLL NOTIFYACCESS)
  @known ~w(READY RELOADING STOPPING STATUS WATCHDOG WATCHDOG_USEC EXTEND_TIMEOUT_USEC) ++
           ~w(MONOTONIC_USEC) ++ @ignored

  @doc "What a message of the mailbox means, if it is about this."
  @spec event(State.t(), term) :: next | :none
  def event(%{notify: nil}, _message), do: :none

  def event(%{notify: notify} = state, message) do
    case Notify.event(notify, message) do
      {:told, run, fields} -> told(state, run, fields)
      {:down, reason} -> {:stop, {:notify, reason}, %{state | notify: nil}}
      :none -> :none
    end
  end

  defp told(%{notify: notify, session: session} = state, run, fields) do
    state = if session && session.ref == run, do: hear(state, fields), else: state
    Notify.handled(notify)
    state
  end

  defp hear(state, fields) do
    {known, others} = Enum.split_with(fields, fn {name, _value} -> name in @known end)
    state = if others == [], do: state, else: Report.notified(state, {:notified, Map.new(others)})
    Enum.reduce(known, state, fn {name, value}, state -> field(state, name, value) end)
  end

  # To a program that is being stopped it no longer matters.
  defp field(%{intent: nil, ready: {_ref, %{spec: :notify}}} = state, "READY", "1"),
    do: Run.ready(state)

  defp field(state, "RELOADING", "1"), do: Report.notified(state, :reloading)
  defp field(state, "STOPPING", "1"), do: Report.notified(state, :stopping)

  defp field(state, "STATUS", text) do
    text = text |> Output.valid() |> String.slice(0, @longest_status)
    Report.notified(%{state | status: text}, {:status, text})
  end

  defp field(state, "WATCHDOG", "1"), do: rearm(state)
  defp field(state, "WATCHDOG", "trigger"), do: expire(state)

  defp field(state, "WATCHDOG_USEC", text) do
    case milliseconds(text) do
      {:ok, ms} -> rearm(%{state | watchdog: if(ms > 0, do: ms)})
      :error -> state
    end
  end

  defp field(%{ready: {_ref, _ready}} = state, "EXTEND_TIMEOUT_USEC", text) do
    case milliseconds(text) do
      {:ok, ms} -> State.extend_timer(state, :ready, ms)
      :error -> state
    end
  end

  defp field(state, name, value) when name in @ignored do
    {program, _args, _opts} = state.config.command.call
    Logger.info("#{program}: #{name}=#{value} is ignored", domain: [:contained])
    state
  end

  defp field(state, _name, _value), do: state

  defp milliseconds(text) do
    case Integer.parse(text) do
      {microseconds, ""} when microseconds >= 0 ->
        {:ok, min(div(microseconds + 999, 1_000), @longest)}

      _other ->
        :error
    end
  end

  ## The watchdog

  @doc "A run begins: the interval is that of the options again."
  @spec begin(State.t()) :: State.t()
  def begin(%{config: %{options: options}} = state),
    do: %{state | watchdog: options[:watchdog], status: nil}

  @doc "From now on the program has to be heard of within its interval; once it is ready."
  @spec rearm(State.t()) :: State.t()
  def rearm(%{ready?: true, watchdog: ms} = state) when ms != nil,
    do: State.start_timer(state, :watchdog, ms)

  def rearm(state), do: State.cancel_timer(state, :watchdog)

  @doc "It was not. One that is paused cannot be."
  @spec silent(State.t()) :: State.t()
  def silent(%{paused: nil, pausing: nil} = state), do: expire(state)
  def silent(state), do: rearm(state)

  defp expire(%{session: session, intent: nil} = state) when session != nil do
    Session.begin_stop(session, :default)
    Report.watchdog(%{State.cancel_timer(state, :watchdog) | intent: :watchdog})
  end

  defp expire(state), do: state
end
