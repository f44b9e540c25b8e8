defmodule Contained.Job.Program do
  @moduledoc false
  # The program `contained`, which starts keepers. It is run by a port of the VM, not by a launcher: what a launcher
  # starts ends with it.

  alias Contained.{Error, Port, Protocol}
  alias Contained.Job.Record

  # A keeper says how the start went as soon as it knows; an exec on a dead file server takes its time.
  @start_timeout 60_000

  @doc "Starts a job; `spec` is a command as a launcher takes it."
  @spec run(binary, binary, map, [binary]) :: {:ok, pos_integer} | {:error, Error.t()}
  def run(namespace, name, spec, flags) do
    frame = IO.iodata_to_binary(Protocol.start(1, spec))
    args = ["job", namespace, "run", "--wire"] ++ flags ++ [name]

    with {:ok, program} <- locate(),
         do: program |> open(args, frame) |> outcome(name)
  end

  @doc "Beside the port program."
  @spec locate() :: {:ok, binary} | {:error, Error.t()}
  def locate do
    case System.get_env("CONTAINED_PROGRAM") do
      unset when unset in [nil, ""] -> beside_port()
      path -> present(path)
    end
  end

  defp beside_port do
    case Port.locate() do
      {:ok, port} -> port |> Path.dirname() |> Path.join("contained") |> present()
      {:error, reason, subject} -> {:error, %Error{stage: :job, reason: reason, subject: subject}}
    end
  end

  defp present(path) do
    subject = "#{path} (of CONTAINED_PROGRAM, else beside the port program)"

    if File.regular?(path),
      do: {:ok, path},
      else: {:error, %Error{stage: :job, reason: :enoent, subject: subject}}
  end

  # In a process of its own, whose port and mailbox they are.
  defp open(program, args, frame) do
    task = Task.async(fn -> talk(program, args, frame) end)

    case Task.yield(task, @start_timeout) || Task.shutdown(task, :brutal_kill) do
      {:ok, told} -> told
      _none -> {:error, :timeout}
    end
  end

  defp talk(program, args, frame) do
    options = [:binary, :exit_status, :use_stdio, :hide, args: args]
    port = Elixir.Port.open({:spawn_executable, program}, options)
    Elixir.Port.command(port, [<<byte_size(frame)::32>>, frame])
    collect(port, "")
  end

  defp collect(port, text) do
    receive do
      {^port, {:data, data}} -> collect(port, text <> data)
      {^port, {:exit_status, status}} -> {status, text}
    end
  end

  defp outcome({:error, :timeout}, name), do: {:error, refused(:timeout, name)}

  defp outcome({status, text}, name) do
    case {status, text |> String.trim() |> Record.words()} do
      {0, ["started", pid]} -> {:ok, String.to_integer(pid)}
      {_status, ["already_running" | _pid]} -> {:error, refused(:already_running, name)}
      {_status, ["error", stage, reason | subject]} -> {:error, failed(stage, reason, subject)}
      {status, _words} -> {:error, refused(:exit_status, "contained job (#{status})")}
    end
  end

  defp refused(reason, subject), do: %Error{stage: :job, reason: reason, subject: subject}

  defp failed(stage, reason, subject) do
    stage = Enum.find(Protocol.atoms(), :job, &(Atom.to_string(&1) == stage))
    Error.new(stage, Protocol.errno(reason), Enum.join(subject, " "))
  end
end
