defmodule Contained.Inquiry do
  @moduledoc false
  # A question that the port program answers by itself, in a process of its own: what it has to ask, or
  # to try, may take its time, and neither a launcher nor its worker waits.

  alias Contained.{Error, Port}

  @deadline 10_000
  @margin 1_000

  @doc "What it writes, and its exit status. The error is at stage `:launcher`."
  @spec ask([binary]) :: {:ok, non_neg_integer, binary} | {:error, Error.t()}
  def ask(arguments) do
    case Port.locate() do
      {:ok, program} -> await(spawn_asker(program, arguments))
      {:error, errno, subject} -> refused(errno, subject)
    end
  end

  defp refused(reason, subject \\ nil),
    do: {:error, %Error{stage: :launcher, reason: reason, subject: subject}}

  # In a process of its own, whose mailbox nobody else uses and whose port ends with it.
  defp spawn_asker(program, arguments) do
    {_pid, ref} = spawn_monitor(fn -> exit({:inquiry, run(program, arguments)}) end)
    ref
  end

  defp await(ref) do
    receive do
      {:DOWN, ^ref, _, _, {:inquiry, answer}} -> answer
      {:DOWN, ^ref, _, _, _killed} -> refused(:eproto)
    after
      @deadline + @margin ->
        Process.demonitor(ref, [:flush])
        refused(:timeout)
    end
  end

  defp run(program, arguments) do
    options = [:exit_status, :binary, :hide, args: arguments]
    port = Elixir.Port.open({:spawn_executable, program}, options)
    read(port, program, "", System.monotonic_time(:millisecond) + @deadline)
  rescue
    error in ErlangError -> refused(error.original)
  end

  defp read(port, program, text, deadline) do
    receive do
      {^port, {:data, data}} -> read(port, program, text <> data, deadline)
      {^port, {:exit_status, status}} -> {:ok, status, text}
    after
      max(deadline - System.monotonic_time(:millisecond), 0) -> give_up(port, program)
    end
  end

  # To close the port would not end what waits for a name service.
  defp give_up(port, program) do
    with {:ok, identity} <- Port.identity(port), do: Port.kill(program, [identity])
    refused(:timeout)
  end
end
