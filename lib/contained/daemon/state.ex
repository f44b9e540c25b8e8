defmodule Contained.Daemon.State do
  @moduledoc false
  # What a daemon knows, and its timers.

  alias Contained.Daemon.{Config, Policy, Tap}

  # `starting?` until whoever called start_link has its answer. `intent` is why a running program is
  # being stopped, when not for the daemon's own end.
  @enforce_keys [:config, :tap, :policy, :born]
  defstruct [:config, :tap, :policy, :born, :name, :session, :span, :os_pid, :since] ++
              [:intent, :error, :ready, :wait, :generation, :pausing, :paused, :sinks] ++
              [:notify, :watchdog, :status, :lock] ++
              [phase: :new, starting?: true, ready?: false, lost?: false, ending?: false] ++
              [ladder: :default, status_file: :ok] ++
              [restarts: 0, awaiting: [], timers: %{}, untaken: %{}, last: nil]

  @type phase :: :new | :waiting | :preparing | :starting | :running | :backing_off | :ended

  @type t :: %__MODULE__{
          config: Config.t(),
          tap: Tap.t(),
          policy: Policy.t(),
          phase: phase,
          intent: nil | :restart | :watchdog | {:fail, Contained.Error.t()}
        }

  @typedoc "What a callback makes of a state."
  @type next :: t | {:stop, reason :: term, t}

  @spec new(Config.t()) :: t
  def new(config) do
    %__MODULE__{
      config: config,
      name: config.options[:name],
      policy: config.policy,
      tap: Tap.new(config),
      born: now()
    }
  end

  @spec now() :: integer
  def now, do: System.monotonic_time(:millisecond)

  @doc "Milliseconds since the program was started."
  @spec uptime(t) :: non_neg_integer
  def uptime(%{since: nil}), do: 0
  def uptime(%{since: since}), do: now() - since

  @spec start_timer(t, atom, timeout) :: t
  def start_timer(state, _name, :infinity), do: state

  def start_timer(state, name, ms) do
    state = cancel_timer(state, name)
    %{state | timers: Map.put(state.timers, name, :erlang.start_timer(ms, self(), name))}
  end

  @doc "Lets a timer that runs do so for `ms` from now, if it would end before."
  @spec extend_timer(t, atom, non_neg_integer) :: t
  def extend_timer(state, name, ms) do
    left = state.timers[name] && :erlang.read_timer(state.timers[name])
    if is_integer(left) and left < ms, do: start_timer(state, name, ms), else: state
  end

  @spec cancel_timer(t, atom) :: t
  def cancel_timer(state, name) do
    {timer, timers} = Map.pop(state.timers, name)
    if timer, do: :erlang.cancel_timer(timer)
    %{state | timers: timers}
  end

  @doc "Whether a message is that of a timer which has not been cancelled."
  @spec timer(t, term) :: {name :: atom, t} | :none
  def timer(%{timers: timers} = state, {:timeout, timer, name}) do
    case timers do
      %{^name => ^timer} -> {name, %{state | timers: Map.delete(timers, name)}}
      _cancelled -> {nil, state}
    end
  end

  def timer(_state, _message), do: :none
end
