defmodule Contained.Process do
  @moduledoc """
  A running command, as `Contained.start/3` returns it.

  The process that started it is its *owner*: it alone reads the output, by `await/2` or `next/2`,
  and when it dies the command is stopped. Writing, signalling and stopping is open to all.

      {:ok, process} = Contained.start("bc", ["-q"])
      :ok = Contained.Process.write(process, "6 * 7\\n")
      {:stdout, "42\\n"} = Contained.Process.next(process)
      :ok = Contained.Process.close_stdin(process)
      {:ok, result} = Contained.Process.await(process)

  Output that is not read is not lost: up to the `:window` waits in the owner's mailbox, then the
  command has to wait.
  """

  alias Contained.{Error, Result, Session, Signals, Telemetry}
  alias Contained.Options.Terminal

  @enforce_keys [:ref, :launcher, :owner, :os_pid]
  defstruct [:ref, :launcher, :owner, :os_pid, :program, :captured, :writer] ++
              [:grant, :taken, :patience, :deadline, :span]

  @opaque t :: %__MODULE__{}

  @type signal :: atom | 1..64
  @typedoc "A descriptor of the command: 0 is stdin, others stand in its `:fds`."
  @type fd :: 0 | 3..63
  @type event ::
          {:stdout | :stderr | {:fd, fd}, binary}
          | {:orphan_exit, os_pid :: pos_integer, Result.exit()}
          | {:ended, Result.t()}

  @doc "The command's process id."
  @spec os_pid(t) :: pos_integer
  def os_pid(%__MODULE__{os_pid: os_pid}), do: os_pid

  @doc """
  Writes to the command's stdin.

  Blocks until the command, the pipe and a window of 256 KiB have taken the data. Returns
  `{:error, :epipe}` when the command has closed its stdin, `{:error, :closed}` when it has ended
  or stdin was closed by `close_stdin/1`, and `{:error, :not_piped}` when its stdin is no pipe.
  """
  @spec write(t, iodata) :: :ok | {:error, atom}
  def write(%__MODULE__{} = process, data), do: Session.write(process, 0, data)

  @doc "As `write/2`, to a descriptor that is `:input` in the command's `:fds`."
  @spec write(t, fd, iodata) :: :ok | {:error, atom}
  def write(%__MODULE__{} = process, fd, data) when is_integer(fd),
    do: Session.write(process, fd, data)

  @doc "Ends the command's input, after what has been written."
  @spec close_stdin(t) :: :ok
  def close_stdin(%__MODULE__{} = process), do: close(process, 0)

  @doc "As `close_stdin/1`, for a descriptor that is `:input` in the command's `:fds`."
  @spec close(t, fd) :: :ok
  def close(%__MODULE__{} = process, fd) when is_integer(fd), do: Session.close_input(process, fd)

  @doc """
  Gives the terminal of a command that was started with `:pty` another size.

  The kernel tells the command by SIGWINCH. The reason is `:enotty` for a command without a
  terminal and `:esrch` for one that has ended.
  """
  @spec resize(t, 1..65_535, 1..65_535) :: :ok | {:error, Error.t()}
  def resize(%__MODULE__{} = process, rows, columns) do
    {rows, columns} = Terminal.size!(rows, columns)
    with {:ok, _done} <- Session.control(process, {:resize, rows, columns}), do: :ok
  end

  @doc """
  Sends a signal, by name or number, to the command and all its descendants, or to the
  command itself (`:leader`).

      Contained.Process.signal(process, :hup, :leader)

  Returns `{:error, :esrch}` when the command has ended.
  """
  @spec signal(t, signal, :all | :leader) :: :ok | {:error, atom}
  def signal(%__MODULE__{} = process, signal, target \\ :all) when target in [:all, :leader] do
    Session.signal(process, Signals.number!(signal), target)
  end

  @doc """
  Stops the command and waits until it and all its descendants are dead.

  Without a ladder the command's own is used, see `:stop_signal` in `Contained.start/3`. A ladder
  is a list of signals with the milliseconds to wait after each; `:kill` follows the last.

      Contained.Process.stop(process, int: 200, term: 1_000)
      Contained.Process.stop(process, [])

  The owner may still `await/2` the result.
  """
  @spec stop(t, :default | [{signal, non_neg_integer}]) :: :ok | {:error, :timeout}
  def stop(process, ladder \\ :default)
  def stop(%__MODULE__{} = process, :default), do: Session.stop(process, :default)

  def stop(%__MODULE__{} = process, ladder) when is_list(ladder) do
    Session.stop(process, Enum.map(ladder, &rung!/1))
  end

  defp rung!({signal, ms}) when is_integer(ms) and ms >= 0, do: {Signals.number!(signal), ms}

  defp rung!(other) do
    raise ArgumentError,
          "a rung of a stop ladder is {signal, milliseconds}, got: #{inspect(other)}"
  end

  @doc """
  The next event of the command, for its owner.

  Returns `{:stdout, data}`, `{:stderr, data}`, `{{:fd, number}, data}` for an `:output` of its `:fds`,
  `{:orphan_exit, os_pid, exit}` with `orphans: true`, or, once and last, `{:ended, result}`; the result's
  output is empty, for it has been read. Returns `{:error, :timeout}` when nothing comes in time and
  `{:error, :closed}` after the end.
  """
  @spec next(t, timeout) :: event | {:error, :timeout | :closed}
  def next(%__MODULE__{} = process, timeout \\ :infinity) do
    case Session.next(process, timeout) do
      {:ended, map} -> ended(process, map)
      :launcher_down -> ended(process, :launcher_down)
      none when none in [:timeout, :closed] -> {:error, none}
      output -> output
    end
  end

  defp ended(process, how) do
    result = Result.new(process.os_pid, how)
    Telemetry.ended(process.span, {:ok, result})
    {:ended, result}
  end

  @doc """
  Waits for the command's end and collects what it writes until then, for its owner.

  When `timeout` milliseconds are over the command is stopped, and what it wrote is in the
  `result` of the error, whose reason is `:timeout`. For a command that has been awaited before
  the reason is `:closed`.
  """
  @spec await(t, timeout) :: {:ok, Result.t()} | {:error, Error.t()}
  def await(%__MODULE__{} = process, timeout \\ :infinity) do
    case read(process, deadline(timeout), []) do
      {:ok, result} -> {:ok, result}
      {:timeout, read} -> timed_out(process, read)
      :closed -> {:error, error(process, :closed, nil)}
    end
  end

  # A stop of which no end comes in time says that the launcher's port program is of no use.
  defp timed_out(process, read) do
    Session.stop(process, :default)

    case read(process, deadline(process.patience), read) do
      {:ok, result} ->
        {:error, error(process, :timeout, result)}

      {:timeout, read} ->
        Session.halt(process)
        {:ended, down} = ended(process, :launcher_down)
        {:error, error(process, :timeout, complete(down, process, read))}
    end
  end

  # What was read is in the reverse order.
  defp read(process, deadline, read) do
    case next(process, remaining(deadline)) do
      {:ended, result} -> {:ok, complete(result, process, read)}
      {:error, :timeout} -> {:timeout, read}
      {:error, :closed} -> :closed
      {:orphan_exit, os_pid, exit} -> read(process, deadline, [{:orphan, {os_pid, exit}} | read])
      {stream, data} -> read(process, deadline, [{stream, data} | read])
    end
  end

  defp error(process, reason, result) do
    %Error{reason: reason, subject: process.program, result: result}
  end

  defp complete(result, process, read) do
    texts = Map.new(process.captured, &{&1, text(&1, read)})
    fds = for {{:fd, fd}, data} <- texts, into: %{}, do: {fd, data}
    orphans = Enum.reduce(read, [], &if(elem(&1, 0) == :orphan, do: [elem(&1, 1) | &2], else: &2))
    %{result | stdout: texts[:stdout], stderr: texts[:stderr], fds: fds, orphans: orphans}
  end

  defp text(stream, read) do
    read
    |> Enum.reduce([], &if(elem(&1, 0) == stream, do: [elem(&1, 1) | &2], else: &2))
    |> IO.iodata_to_binary()
  end

  defp deadline(:infinity), do: :infinity
  defp deadline(timeout), do: System.monotonic_time(:millisecond) + timeout

  defp remaining(:infinity), do: :infinity
  defp remaining(deadline), do: max(deadline - System.monotonic_time(:millisecond), 0)
end
