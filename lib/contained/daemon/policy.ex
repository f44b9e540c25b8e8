defmodule Contained.Daemon.Policy do
  @moduledoc false
  # What a daemon does when its program has ended: end as well, and with which reason, or start it
  # again, and when. A value; time is told to it.

  alias Contained.Result

  # After the port program's death: at once, then 50 ms, doubling to 2 s.
  @first 50
  @longest 2_000

  defstruct success: [0],
            to_reason: nil,
            restart: :permanent,
            backoff: nil,
            max_restarts: :infinity,
            interval: nil,
            on_timeout: :restart,
            on_launcher_down: :relaunch,
            restarts: 0,
            delay: nil,
            launcher_delay: 0

  @type t :: %__MODULE__{}
  @type verdict :: {:stop, reason :: term} | {:restart, delay :: non_neg_integer, t}

  @doc "From checked options; raises `ArgumentError` for those that would have no effect."
  @spec new(map) :: t
  def new(options) do
    refuse!(options)

    %__MODULE__{
      success: Map.get(options, :success_exit_codes, [0]),
      to_reason: options[:exit_status_to_reason],
      restart: Map.get(options, :restart, :permanent),
      backoff: options[:backoff],
      max_restarts: Map.get(options, :max_restarts, :infinity),
      interval: options[:interval],
      on_timeout: Map.get(options, :on_timeout, :restart),
      on_launcher_down: Map.get(options, :on_launcher_down, :relaunch)
    }
  end

  defp refuse!(%{backoff: _backoff, restart: :temporary}),
    do: raise(ArgumentError, ~s(cannot use "backoff" and "restart: :temporary"))

  defp refuse!(%{max_restarts: _max} = options) when not is_map_key(options, :backoff),
    do: raise(ArgumentError, ~s(cannot use "max_restarts" without "backoff"))

  defp refuse!(%{on_timeout: _what} = options) when not is_map_key(options, :max_runtime),
    do: raise(ArgumentError, ~s(cannot use "on_timeout" without "max_runtime"))

  defp refuse!(_options), do: :ok

  @doc "The program has ended, after `uptime` milliseconds."
  @spec ended(t, Result.t(), non_neg_integer) :: verdict
  def ended(policy, result, uptime), do: decide(settle(policy, uptime), result)

  # A program that was stopped by nobody here has been stopped by its launcher.
  defp decide(policy, %{reason: reason}) when reason in [:launcher_down, :stopped],
    do: launcher_down(policy)

  defp decide(%{on_timeout: :restart} = policy, %{reason: :timeout}), do: {:restart, 0, policy}
  defp decide(_policy, %{reason: :timeout}), do: {:stop, :timeout}
  defp decide(policy, %{reason: :watchdog}), do: failed(policy, :watchdog)
  defp decide(policy, %{reason: :output_limit}), do: failed(policy, :output_limit)

  defp decide(policy, %{exit: {:exited, status}} = result) do
    if status in policy.success,
      do: succeeded(policy),
      else: failed(policy, reason(policy, result))
  end

  defp decide(policy, result), do: failed(policy, reason(policy, result))

  defp reason(%{to_reason: nil}, _result), do: :error_exit_status
  defp reason(%{to_reason: fun}, %{status: status}), do: fun.(status)

  defp succeeded(%{interval: ms} = policy) when ms != nil, do: {:restart, ms, policy}

  defp succeeded(%{backoff: %{}, restart: :permanent} = policy), do: back_off(policy, :normal)
  defp succeeded(_policy), do: {:stop, :normal}

  @doc "The program has failed, or could not be started again, or did not become ready."
  @spec failed(t, term) :: verdict
  def failed(%{backoff: nil}, reason), do: {:stop, reason}
  def failed(policy, reason), do: back_off(policy, reason)

  defp back_off(%{max_restarts: max, restarts: restarts}, reason) when restarts >= max,
    do: {:stop, reason}

  defp back_off(%{backoff: backoff} = policy, _reason) do
    delay = policy.delay || backoff.min
    next = min(round(max(delay, 1) * backoff.factor), backoff.max)
    {:restart, jitter(delay, backoff), %{policy | delay: next, restarts: policy.restarts + 1}}
  end

  # So that many daemons which failed together do not come back together.
  defp jitter(delay, %{jitter: jitter}),
    do: round(delay * (1 + jitter * (2 * :rand.uniform() - 1)))

  @doc "There is no launcher to run it."
  @spec launcher_down(t) :: verdict
  def launcher_down(%{on_launcher_down: :exit}), do: {:stop, :launcher_down}

  def launcher_down(%{launcher_delay: delay} = policy) do
    next = if delay == 0, do: @first, else: min(delay * 2, @longest)
    {:restart, delay, %{policy | launcher_delay: next}}
  end

  # One that has lived for a while begins anew.
  defp settle(%{backoff: %{reset: reset}} = policy, uptime) when uptime >= reset,
    do: %{policy | delay: nil, launcher_delay: 0}

  defp settle(policy, uptime) when uptime >= @longest, do: %{policy | launcher_delay: 0}
  defp settle(policy, _uptime), do: policy
end
