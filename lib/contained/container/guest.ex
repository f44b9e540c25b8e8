defmodule Contained.Container.Guest do
  @moduledoc false
  # What runs in the VM of `Contained.Container.Function`.

  @doc "Makes the call and tells by `port` how it ended; then the VM ends."
  @spec run(port, {module, atom, [term]}) :: no_return
  def run(port, call) do
    {:ok, _started} = Application.ensure_all_started(:elixir)
    answer = await(start(call))
    Port.command(port, :erlang.term_to_binary(answer))
    :erlang.halt(0)
  end

  # In a process of its own: what it links to and does to its mailbox is not ours.
  defp start(call), do: spawn_monitor(fn -> exit({__MODULE__, call(call)}) end)

  defp call({module, function, args}) do
    {:ok, apply(module, function, args)}
  catch
    :error, reason ->
      {:error, {:raise, Exception.normalize(:error, reason, __STACKTRACE__), __STACKTRACE__}}

    :throw, value ->
      {:error, {:throw, value, __STACKTRACE__}}

    :exit, reason ->
      {:error, {:exit, reason, __STACKTRACE__}}
  end

  defp await({_pid, monitor}) do
    receive do
      {:DOWN, ^monitor, :process, _, {__MODULE__, answer}} -> answer
      {:DOWN, ^monitor, :process, _, reason} -> {:error, {:exit, reason, []}}
    end
  end
end
