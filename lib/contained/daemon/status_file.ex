defmodule Contained.Daemon.StatusFile do
  @moduledoc false
  # `status_file:` - a line for each thing that happens to a daemon, for scripts that read it:
  #
  #     2026-11-21T08:30:00.123Z started 4711 redis-server
  #     2026-11-21T08:31:12.004Z exited 4711 redis-server signaled 9 oom
  #
  # Each line is appended by one write, to a file that is opened anew, so it may be renamed by others.
  # Only a regular file is written to: to open a FIFO without a reader would block.

  alias Contained.Result

  @type event :: Contained.Daemon.event()

  @doc "Whether it can be written to; it is made if there is none."
  @spec check(Path.t()) :: :ok | {:error, File.posix()}
  def check(path), do: append(path, "")

  @doc "Adds the line of an event. Output has none."
  @spec write(Path.t(), event, pos_integer | nil, binary) :: :ok | {:error, File.posix()}
  def write(path, event, os_pid, program) do
    case words(event) do
      nil -> :ok
      [word | more] -> append(path, line([word, os_pid || "-", program | more]))
    end
  end

  defp line(words) do
    now = DateTime.utc_now() |> DateTime.truncate(:millisecond) |> DateTime.to_iso8601()
    [now, Enum.map(words, &[" ", one_word(&1)]), "\n"]
  end

  # A reader splits lines at blanks.
  defp one_word(word), do: word |> to_string() |> String.replace(~r/\s/, "_")

  defp words({:started, _os_pid}), do: ["started"]
  defp words(event) when is_atom(event), do: [event]
  defp words({:status, text}), do: ["status", text]
  defp words({:signal, signal, target}), do: ["signal", signal, target]
  defp words({:limit_hit, limit}), do: ["limit_hit", limit]
  defp words({:exited, result}), do: ["exited" | ending(result)]
  defp words({:stopped, reason}), do: ["stopped", inspect(reason, limit: 5)]
  defp words({:sink, %{event: event, subject: subject}}), do: ["sink", event, subject]
  defp words({:sink, %{event: event}}), do: ["sink", event]
  defp words({:output, _stream, _data}), do: nil
  defp words({:notified, _fields}), do: nil

  defp ending(%Result{exit: {:exited, code}, reason: reason}), do: ["exited", code, reason]

  defp ending(%Result{exit: {:signaled, number, _core}, reason: reason}),
    do: ["signaled", number, reason]

  defp ending(%Result{exit: nil, reason: reason}), do: ["unknown", "-", reason]

  defp append(path, text) do
    with :ok <- regular(path),
         {:ok, file} <- File.open(path, [:append, :raw, :binary]) do
      written = :file.write(file, text)
      with :ok <- File.close(file), do: written
    end
  end

  defp regular(path) do
    case File.lstat(path) do
      {:ok, %{type: :regular}} -> :ok
      {:ok, %{type: :symlink}} -> {:error, :eloop}
      {:ok, %{type: :directory}} -> {:error, :eisdir}
      {:ok, _fifo_or_device} -> {:error, :enotsup}
      {:error, :enoent} -> :ok
      error -> error
    end
  end
end
