defmodule Contained.Daemon.Pidfile do
  @moduledoc false
  # `pidfile:` - a file with the process id of a daemon's program, for those who look there.
  #
  # It is written beside its place and renamed, so nobody ever reads half of it. Only a file that
  # is one like it is replaced: a regular one of the same owner, with nothing but a number in it. When that
  # is the number of a process which lives, and lived when the file was written, somebody else
  # has the place: `:eexist`.

  @max_size 32

  @doc "Writes `os_pid` to `path`."
  @spec write(Path.t(), pos_integer) :: :ok | {:error, File.posix()}
  def write(path, os_pid) do
    temporary = "#{path}.#{System.pid()}-#{System.unique_integer([:positive])}"

    with :ok <- create(temporary, "#{os_pid}\n"),
         :ok <- replaceable(path, temporary, os_pid),
         :ok <- File.rename(temporary, path) do
      :ok
    else
      {:error, reason} ->
        File.rm(temporary)
        {:error, reason}
    end
  end

  @doc "Removes `path` if `os_pid` still stands there. That it does not is no error."
  @spec remove(Path.t(), pos_integer) :: :ok | {:error, File.posix()}
  def remove(path, os_pid) do
    with {:ok, %{type: :regular}} <- File.lstat(path),
         {:ok, ^os_pid} <- read(path) do
      File.rm(path)
    else
      _gone_or_not_ours -> :ok
    end
  end

  # open(2): with O_EXCL a link is not followed.
  defp create(path, text) do
    with {:ok, file} <- File.open(path, [:write, :exclusive, :raw, :binary]) do
      result = :file.write(file, text)
      with :ok <- File.close(file), do: result
    end
  end

  # Our own file tells who we are to the file system.
  defp replaceable(path, temporary, os_pid) do
    with {:ok, %{uid: uid}} <- File.lstat(temporary) do
      case File.lstat(path, time: :posix) do
        {:error, :enoent} -> :ok
        {:ok, %{type: :regular, uid: ^uid} = stat} -> free(path, stat, os_pid)
        {:ok, %{type: :symlink}} -> {:error, :eloop}
        {:ok, _foreign} -> {:error, :eperm}
        error -> error
      end
    end
  end

  defp free(path, stat, os_pid) do
    case read(path) do
      {:ok, ^os_pid} -> :ok
      {:ok, other} -> if holds?(other, stat.mtime), do: {:error, :eexist}, else: :ok
      # A program that was interrupted between open and write.
      :empty -> :ok
      :error -> {:error, :eperm}
    end
  end

  defp read(path) do
    with {:ok, text} <- read_short(path), {os_pid, ""} <- Integer.parse(text) do
      if os_pid > 0, do: {:ok, os_pid}, else: :error
    else
      :empty -> :empty
      _other -> :error
    end
  end

  defp read_short(path) do
    case File.open(path, [:read, :raw, :binary], &:file.read(&1, @max_size)) do
      {:ok, {:ok, text}} when byte_size(text) < @max_size -> {:ok, String.trim(text)}
      {:ok, :eof} -> :empty
      _unreadable -> :error
    end
  end

  # A number is used again; a process that began after the file was written is another one.
  defp holds?(os_pid, written) do
    case started(os_pid) do
      {:ok, at} -> at <= written + 1
      :error -> false
    end
  end

  # proc_pid_stat(5): the name in parentheses may hold anything; the 20th field after it is the
  # time since boot, in ticks, of which every Linux has 100 in a second.
  defp started(os_pid) do
    with {:ok, stat} <- File.read("/proc/#{os_pid}/stat"),
         [state | fields] when state not in ["Z", "X"] <-
           stat |> String.split(") ") |> List.last() |> String.split(),
         {:ok, boot} <- boot_time() do
      {:ok, boot + div(String.to_integer(Enum.at(fields, 18)), 100)}
    else
      _gone -> :error
    end
  end

  defp boot_time do
    with {:ok, text} <- File.read("/proc/stat"),
         [_line, seconds] <- Regex.run(~r/^btime (\d+)$/m, text) do
      {:ok, String.to_integer(seconds)}
    end
  end
end
