defmodule Contained.Daemon.Sole do
  @moduledoc false
  # `single_instance:` in the life of a daemon: no program before the lock is ours, and none when it is lost to another.
  #
  # Functions take the daemon's state and return it, or `{:stop, reason, state}`.

  alias Contained.Daemon.{Lock, Run, State}
  alias Contained.Error

  @doc "Whether the program may be started: `:wait` until the lock is there."
  @spec lock(State.t()) :: {:ok | :wait, State.t()} | {:error, Error.t()}
  def lock(%{config: %{options: options}} = state) when not is_map_key(options, :single_instance),
    do: {:ok, state}

  def lock(%{lock: %{held?: true}} = state), do: {:ok, state}
  def lock(%{lock: nil} = state), do: ask(state)
  def lock(state), do: {:wait, state}

  defp ask(%{config: config} = state) do
    with {:ok, lock} <- Lock.ask(config, config.options.single_instance),
         do: {:wait, %{state | lock: lock}}
  end

  @doc "What a message of the mailbox means, if it is about the lock."
  @spec event(State.t(), term) :: State.next() | :none
  def event(%{lock: nil}, _message), do: :none

  def event(%{lock: lock} = state, message) do
    case Lock.event(lock, message) do
      :none -> :none
      {:ok, lock} -> %{state | lock: lock}
      {:held, lock} -> held(%{state | lock: lock})
      {:taken, os_pid} -> Run.taken(%{state | lock: nil}, os_pid)
      {:failed, error} -> refused(%{state | lock: nil}, error)
      :lost -> lost(%{state | lock: nil})
    end
  end

  defp held(state) do
    if waiting?(state) do
      Run.launch(state)
    else
      Lock.note(state.lock, state.os_pid)
      state
    end
  end

  defp waiting?(state), do: state.phase == :preparing and state.generation == nil

  defp refused(%{session: nil} = state, error), do: Run.failed(state, error)
  defp refused(state, error), do: {:stop, error, state}

  # Its holder was killed, or has gone down with its port program. Nobody can have it unless he was quick.
  defp lost(%{session: session} = state) when session != nil do
    case ask(state) do
      {:wait, state} -> state
      {:error, error} -> {:stop, error, state}
    end
  end

  # Before the next start it is asked for again.
  defp lost(state) do
    if waiting?(state),
      do: Run.ended(%{state | phase: :starting}, :launcher_down),
      else: state
  end
end
