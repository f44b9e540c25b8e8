defmodule Contained.Job.Ending do
  @moduledoc false
  # The end of a job, as its keeper tells it and its files.

  alias Contained.{Error, Result}
  alias Contained.Job.{Client, Files}

  @pause 10
  # A keeper that does not listen any more is gone within moments.
  @looks 200

  @doc """
  Waits until `deadline`, in the monotonic time of the VM. `ask` is called once the keeper listens, and has the
  job end; without it, one that has ended already will do. Messages come to the calling process.
  """
  @spec await(binary, binary, integer | :infinity, nil | (() -> {:ok, []} | {:error, Error.t()})) ::
          {:ok, Result.t()} | {:error, Error.t()}
  def await(namespace, name, deadline, ask \\ nil) do
    entry = entry(namespace, name)

    case Client.watch(namespace, name, left(deadline)) do
      {:ok, socket} -> asked(ask && ask.(), socket, {namespace, name, entry}, deadline)
      {:error, error} when ask != nil -> {:error, error}
      {:error, error} -> unheard(error.reason, namespace, name, deadline)
    end
  end

  defp entry(namespace, name) do
    case Files.read(namespace, name) do
      {:ok, entry} -> entry
      {:error, _starting} -> nil
    end
  end

  defp asked({:error, error}, _socket, _job, _deadline), do: {:error, error}
  defp asked(_ok, socket, job, deadline), do: hear(socket, job, deadline, "")

  defp hear(socket, {_namespace, name, _entry} = job, deadline, told) do
    receive do
      {:tcp, ^socket, line} -> hear(socket, job, deadline, line)
      {:tcp_closed, ^socket} -> told(job, deadline, told)
      {:tcp_error, ^socket, _reason} -> told(job, deadline, told)
    after
      left(deadline) -> {:error, error(:timeout, name)}
    end
  end

  # Of the run that was found at first: its name may have been taken since.
  defp told({namespace, name, entry}, deadline, line) do
    now = entry(namespace, name)
    same? = entry == nil or (now != nil and now.job == entry.job)
    told = if not same?, do: Files.result_told(entry, String.trim(line))
    if told, do: {:ok, told}, else: settle(namespace, name, deadline, @looks)
  end

  # It does not answer: it has ended, or is stopped, or asked by too many.
  defp unheard(:not_running, namespace, name, deadline),
    do: settle(namespace, name, deadline, @looks)

  defp unheard(_reason, namespace, name, deadline), do: settle(namespace, name, deadline, 1)

  defp settle(namespace, name, deadline, looks) do
    with {:ok, entry} <- Files.look(namespace, name) do
      case Files.state(entry) do
        :finished -> {:ok, Files.result(entry)}
        :running -> again(namespace, name, deadline, looks)
        state -> {:error, error(state, name)}
      end
    end
  end

  defp again(namespace, name, deadline, looks) when looks > 0 do
    Process.sleep(@pause)
    settle(namespace, name, deadline, looks - 1)
  end

  defp again(namespace, name, deadline, _looks) do
    if left(deadline) == 0,
      do: {:error, error(:timeout, name)},
      else: await(namespace, name, deadline)
  end

  defp left(:infinity), do: :infinity
  defp left(deadline), do: max(deadline - System.monotonic_time(:millisecond), 0)

  defp error(reason, name), do: %Error{stage: :job, reason: reason, subject: name}
end
