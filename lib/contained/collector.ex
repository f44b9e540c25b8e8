defmodule Contained.Collector do
  @moduledoc false
  # Runs a command to its end and collects what it writes.

  alias Contained.{Command, Error, Result, Session, Sink}

  @doc """
  Runs `command` in the calling process. `{:error, _}` means that it was not started.

  The collectables are finished in the first case, halted in the second and when anything raises;
  by then the command is dead.
  """
  @spec run(Command.t()) :: {:ok, Result.t()} | {:error, Error.t()}
  def run(%Command{} = command) do
    sinks = open(command)

    try do
      collect(command, sinks)
    catch
      kind, reason ->
        halt(sinks)
        :erlang.raise(kind, reason, __STACKTRACE__)
    else
      {:error, error} ->
        halt(sinks)
        {:error, error}

      {sinks, result} ->
        {:ok, done(sinks, result)}
    end
  end

  defp open(%Command{into: into, stderr_into: nil, lines: lines?}),
    do: {Sink.new(into, lines?), nil}

  defp open(%Command{into: into, stderr_into: stderr_into, lines: lines?}),
    do: {Sink.new(into, lines?), Sink.new(stderr_into, lines?)}

  defp collect(command, sinks) do
    with :ok <- Command.check(command) do
      case Session.collect(command, sinks, &put/3) do
        {_sinks, {:failed, error}} -> {:error, error}
        {sinks, {:ended, os_pid, ended}} -> {flush(sinks), Result.new(os_pid, ended)}
        {sinks, {:launcher_down, pid}} -> {flush(sinks), Result.new(pid, :launcher_down)}
      end
    end
  end

  # Without a sink of its own, what comes on stderr is all that comes (:capture_stderr_only).
  defp put({stdout, nil}, _stream, data), do: {Sink.put(stdout, data), nil}
  defp put({stdout, stderr}, :stdout, data), do: {Sink.put(stdout, data), stderr}
  defp put({stdout, stderr}, :stderr, data), do: {stdout, Sink.put(stderr, data)}

  defp flush({stdout, nil}), do: {Sink.flush(stdout), nil}
  defp flush({stdout, stderr}), do: {Sink.flush(stdout), Sink.flush(stderr)}

  defp done({stdout, nil}, result), do: %{result | stdout: Sink.done(stdout)}

  defp done({stdout, stderr}, result),
    do: %{result | stdout: Sink.done(stdout), stderr: Sink.done(stderr)}

  defp halt({stdout, nil}), do: Sink.halt(stdout)

  defp halt({stdout, stderr}) do
    Sink.halt(stdout)
    Sink.halt(stderr)
  end
end
