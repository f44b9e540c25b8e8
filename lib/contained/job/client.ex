defmodule Contained.Job.Client do
  @moduledoc false
  # The other side of a job's control socket, see c_src/job/lines.hpp.

  alias Contained.{Error, Protocol}
  alias Contained.Job.{Files, Record}

  @answer_timeout 10_000
  @most_line 1_048_576

  @doc "Asks for one thing and takes its lines, if it has any."
  @spec ask(binary, binary, [binary], :lines | :none) :: {:ok, [binary]} | {:error, Error.t()}
  def ask(namespace, name, words, lines) do
    with {:ok, socket} <- connect(namespace, name) do
      answer = with :ok <- say(socket, words), do: answer(socket, lines)
      :gen_tcp.close(socket)
      explained(answer, name)
    end
  end

  @doc """
  Has the calling process told what happens: `{:tcp, socket, line}` for each event, and `{:tcp_closed, socket}` when
  the job is over.
  """
  @spec watch(binary, binary, timeout) :: {:ok, :gen_tcp.socket()} | {:error, Error.t()}
  def watch(namespace, name, timeout \\ @answer_timeout) do
    with {:ok, socket} <- connect(namespace, name) do
      with :ok <- say(socket, ["watch"]),
           {:ok, "ok"} <- line(socket, min(timeout, @answer_timeout)),
           :ok <- :inet.setopts(socket, active: true) do
        {:ok, socket}
      else
        error ->
          :gen_tcp.close(socket)
          explained(error, name)
      end
    end
  end

  defp connect(namespace, name) do
    options = [:binary, packet: :line, active: false, buffer: @most_line]

    with {:ok, path} <- Files.socket(namespace, name) do
      path
      |> in_reach(&:gen_tcp.connect({:local, &1}, 0, options, @answer_timeout))
      |> explained(name)
    end
  end

  # sun_path has 108 bytes, unix(7): what is longer is reached by way of its open directory.
  defp in_reach(path, connect) when byte_size(path) < 108, do: connect.(path)

  defp in_reach(path, connect) do
    directory = Path.dirname(path)

    with {:ok, file} <- :file.open(directory, [:raw, :read, :directory]) do
      answer = connect.(Path.join(descriptor_of(directory), Path.basename(path)))
      :ok = :file.close(file)
      answer
    end
  end

  defp descriptor_of(directory) do
    wanted = identity(directory)
    descriptors = for fd <- File.ls!("/proc/self/fd"), do: "/proc/self/fd/" <> fd
    Enum.find(descriptors, directory, &(identity(&1) == wanted))
  end

  defp identity(path) do
    with {:ok, %{major_device: device, inode: inode}} <- File.stat(path), do: {device, inode}
  end

  defp say(socket, words),
    do: :gen_tcp.send(socket, [Enum.map_intersperse(words, " ", &Record.word/1), "\n"])

  defp answer(socket, lines) do
    with {:ok, line} <- line(socket) do
      case {line, lines} do
        {"ok", :none} -> {:ok, []}
        {"ok", :lines} -> lines(socket, [])
        {"error " <> words, _lines} -> {:error, refused(Record.words(words))}
        _other -> {:error, :eproto}
      end
    end
  end

  defp lines(socket, lines) do
    case line(socket) do
      {:ok, "."} -> {:ok, Enum.reverse(lines)}
      {:ok, "." <> line} -> lines(socket, [line | lines])
      {:ok, line} -> lines(socket, [line | lines])
      {:error, reason} -> {:error, reason}
    end
  end

  defp line(socket, timeout \\ @answer_timeout) do
    with {:ok, line} <- :gen_tcp.recv(socket, 0, timeout),
         do: {:ok, String.trim_trailing(line, "\n")}
  end

  defp refused([stage, reason | subject]),
    do: Error.new(stage(stage), Protocol.errno(reason), Enum.join(subject, " "))

  defp refused(_other), do: :eproto

  # The words of the port's protocol: atoms that there are.
  defp stage(text) do
    String.to_existing_atom(text)
  rescue
    ArgumentError -> :job
  end

  # Nobody listens any more: the job is over, or it has just begun to be.
  defp explained({:error, reason}, name) when reason in [:enoent, :econnrefused, :closed],
    do: {:error, %Error{stage: :job, reason: :not_running, subject: name}}

  defp explained({:error, reason}, name) when is_atom(reason),
    do: {:error, %Error{stage: :job, reason: reason, subject: name}}

  defp explained(other, _name), do: other
end
