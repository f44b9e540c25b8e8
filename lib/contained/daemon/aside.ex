defmodule Contained.Daemon.Aside do
  @moduledoc false
  # Runs a function of the user's beside the calling process, for as long as it takes: it neither blocks
  # the caller nor outlives it, and no link carries its failure.
  #
  # Two processes do that. One runs the function; the other watches it and the caller, and tells the
  # caller `{tag, reference, answer}` once. The answer is what the function returned, or
  # `{:failed, reason}` with the reason a process that did the same would have exited for:
  # `{exception, stacktrace}` for an error, `{{:nocatch, term}, stacktrace}` for a throw.

  @enforce_keys [:tag, :ref, :guard]
  defstruct [:tag, :ref, :guard]

  @opaque t :: %__MODULE__{tag: term, ref: reference, guard: pid}

  @doc "Runs `fun`. A closure copies what it holds: keep it small."
  @spec start(term, reference, (() -> term)) :: t
  def start(tag, ref, fun) do
    owner = self()
    callers = [owner | Process.get(:"$callers", [])]
    work = fn -> work(callers, fun) end
    %__MODULE__{tag: tag, ref: ref, guard: spawn(fn -> guard(owner, tag, ref, work) end)}
  end

  @doc "Ends it, if it still runs. Its answer is not told any more."
  @spec stop(t) :: :ok
  def stop(%__MODULE__{tag: tag, ref: ref, guard: guard}) do
    monitor = Process.monitor(guard)
    send(guard, :stop)
    await_down(monitor)
    flush(tag, ref)
  end

  defp await_down(monitor) do
    receive do
      {:DOWN, ^monitor, _, _, _} -> :ok
    end
  end

  defp flush(tag, ref) do
    receive do
      {^tag, ^ref, _answer} -> :ok
    after
      0 -> :ok
    end
  end

  # As Task does, for what looks up its callers (sandboxes of tests).
  defp work(callers, fun) do
    Process.put(:"$callers", callers)
    exit({:shutdown, {__MODULE__, answer_of(fun)}})
  end

  defp answer_of(fun) do
    fun.()
  catch
    :exit, reason -> {:failed, reason}
    :error, reason -> failed(Exception.normalize(:error, reason, __STACKTRACE__), __STACKTRACE__)
    :throw, term -> failed({:nocatch, term}, __STACKTRACE__)
  end

  defp failed(reason, stack), do: {:failed, {reason, stack}}

  defp guard(owner, tag, ref, work) do
    owner_monitor = Process.monitor(owner)
    {worker, monitor} = spawn_monitor(work)
    answer = watch(worker, monitor, owner_monitor)
    if answer != :none, do: send(owner, {tag, ref, answer})
  end

  defp watch(worker, monitor, owner_monitor) do
    receive do
      {:DOWN, ^monitor, _, _, reason} -> answer(reason)
      {:DOWN, ^owner_monitor, _, _, _} -> kill(worker)
      :stop -> kill(worker)
    end
  end

  defp kill(worker) do
    Process.exit(worker, :kill)
    :none
  end

  defp answer({:shutdown, {__MODULE__, answer}}), do: answer
  defp answer(reason), do: {:failed, reason}
end
