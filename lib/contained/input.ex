defmodule Contained.Input do
  @moduledoc false
  # Feeds a command's stdin from iodata or an enumerable. What does not fit the first window is
  # written by a process of its own, so that a command that does not read holds nobody up.

  alias Contained.Session

  @chunk 64 * 1024
  @window Contained.Launcher.Feed.window()

  @type writer :: nil | {pid, reference}

  @doc """
  Prepares the input of the session `ref`; the writer begins with `go/1`, for its enumerable may
  have effects that a command which cannot be started should not cause.
  """
  @spec start(Contained.Command.input(), pid | {atom, node}, reference) :: writer
  def start(nil, _launcher, _ref), do: nil

  def start({:iodata, data} = input, launcher, ref) do
    if IO.iodata_length(data) <= @window,
      do: send_all(data, 0, launcher, ref),
      else: spawn_writer(input, launcher, ref)
  end

  def start({:enum, _} = input, launcher, ref), do: spawn_writer(input, launcher, ref)

  @doc "Sends all of `data` for the descriptor `fd`; what does not fit the window waits in the launcher."
  @spec send_all(iodata, Contained.Protocol.fd(), pid | {atom, node}, reference) :: nil
  def send_all(data, fd, launcher, ref) do
    for chunk <- chunks(data), do: send(launcher, {:contained, :write, ref, fd, chunk, nil})
    send(launcher, {:contained, :close_input, ref, fd})
    nil
  end

  defp spawn_writer(input, launcher, ref) do
    owner = self()
    callers = [owner | Process.get(:"$callers", [])]
    pid = spawn(fn -> wait_and_write(input, launcher, ref, callers) end)
    spawn(fn -> watch(owner, pid) end)
    {pid, :erlang.monitor(:process, pid, tag: {:input_down, ref})}
  end

  # A writer that waits for its enumerable does not notice that its owner is gone.
  defp watch(owner, pid) do
    Process.monitor(owner)
    Process.monitor(pid)

    receive do
      {:DOWN, _, :process, _, _} -> Process.exit(pid, :kill)
    end
  end

  defp wait_and_write(input, launcher, ref, callers) do
    Process.put(:"$callers", callers)

    receive do
      :go -> write_all(input, {launcher, ref})
    end
  end

  # The owner raises in our place. The session's alias takes it, or drops it after the end.
  defp write_all(input, {_launcher, ref} = target) do
    with :ok <- write(input, target), do: Session.close_input(target, 0)
  catch
    kind, reason -> send(ref, {ref, {:input_raised, kind, reason, __STACKTRACE__}})
  end

  defp write({:iodata, data}, target), do: Session.write(target, 0, data)

  # A command that takes no more is no error: the enumeration is halted.
  defp write({:enum, enum}, target) do
    Enum.reduce_while(enum, :ok, fn data, :ok ->
      case Session.write(target, 0, data) do
        :ok -> {:cont, :ok}
        error -> {:halt, error}
      end
    end)
  end

  @spec go(writer) :: :ok
  def go(nil), do: :ok

  def go({pid, _monitor}) do
    send(pid, :go)
    :ok
  end

  @doc "The writer has no more to do."
  @spec stop(writer) :: :ok
  def stop(nil), do: :ok

  def stop({pid, monitor}) do
    Process.exit(pid, :kill)
    Process.demonitor(monitor, [:flush])
    :ok
  end

  @doc "A writer that was killed has left the input cut short, which must not look like its end."
  @spec check_end!(term) :: :ok
  def check_end!(:normal), do: :ok
  def check_end!(reason), do: exit({:input_writer, reason})

  @doc "Cuts or joins `data` into binaries of at most 64 KiB, none of them empty."
  @spec chunks(iodata) :: [binary]
  def chunks(data) when is_binary(data), do: cut(data)
  def chunks(data), do: data |> :erlang.iolist_to_iovec() |> join([], 0)

  defp cut(""), do: []
  defp cut(data) when byte_size(data) <= @chunk, do: [data]

  defp cut(<<chunk::binary-size(@chunk), rest::binary>>), do: [chunk | cut(rest)]

  defp join([], held, _size), do: release(held)

  defp join([part | rest], held, size) when size + byte_size(part) <= @chunk do
    join(rest, [part | held], size + byte_size(part))
  end

  defp join([part | rest], held, _size) when byte_size(part) > @chunk do
    release(held) ++ cut(part) ++ join(rest, [], 0)
  end

  defp join([part | rest], held, _size), do: release(held) ++ join(rest, [part], byte_size(part))

  defp release([]), do: []
  defp release([part]), do: cut(part)
  defp release(held), do: [held |> Enum.reverse() |> IO.iodata_to_binary()]
end
