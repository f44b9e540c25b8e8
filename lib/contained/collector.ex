defmodule Contained.Collector do
  @moduledoc false
  # Runs a command to its end and collects what it writes.

  alias Contained.{Command, Error, Result, Session, Sink, Telemetry}

  @doc """
  Runs `command` in the calling process. `{:error, _}` means that it was not started.

  The collectables are finished in the first case, halted in the second and when anything raises;
  by then the command is dead.
  """
  @spec run(Command.t()) :: {:ok, Result.t()} | {:error, Error.t()}
  def run(%Command{} = command), do: Telemetry.measure(command, &run_quietly/1)

  defp run_quietly(command) do
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

  # The sinks of stdout and stderr, and what came on further descriptors, or of orphans.
  defp open(%Command{into: into, stderr_into: nil, lines: lines?} = command),
    do: {Sink.new(into, lines?), nil, fds(command)}

  defp open(%Command{into: into, stderr_into: stderr_into, lines: lines?} = command),
    do: {Sink.new(into, lines?), Sink.new(stderr_into, lines?), fds(command)}

  defp fds(command) do
    for {fd, :output} <- Map.get(command.spec, :fds, []), into: %{}, do: {fd, []}
  end

  defp collect(command, sinks) do
    with :ok <- Command.check(command) do
      case Session.collect(command, sinks, &put/3) do
        {_sinks, {:failed, error}} -> {:error, error}
        {sinks, {:ended, os_pid, ended}} -> {flush(sinks), Result.new(os_pid, ended)}
        {sinks, {:launcher_down, pid}} -> {flush(sinks), Result.new(pid, :launcher_down)}
      end
    end
  end

  defp put({stdout, stderr, fds}, {:fd, fd}, data),
    do: {stdout, stderr, Map.update!(fds, fd, &[&1 | data])}

  defp put({stdout, stderr, fds}, :orphans, orphan),
    do: {stdout, stderr, Map.update(fds, :orphans, [orphan], &[orphan | &1])}

  # Without a sink of its own, what comes on stderr is all that comes (:capture_stderr_only).
  defp put({stdout, nil, fds}, _stream, data), do: {Sink.put(stdout, data), nil, fds}
  defp put({stdout, stderr, fds}, :stdout, data), do: {Sink.put(stdout, data), stderr, fds}
  defp put({stdout, stderr, fds}, :stderr, data), do: {stdout, Sink.put(stderr, data), fds}

  defp flush({stdout, nil, fds}), do: {Sink.flush(stdout), nil, fds}
  defp flush({stdout, stderr, fds}), do: {Sink.flush(stdout), Sink.flush(stderr), fds}

  defp done({stdout, stderr, fds}, result) do
    {orphans, fds} = Map.pop(fds, :orphans, [])
    result = %{result | orphans: Enum.reverse(orphans), fds: binaries(fds)}
    %{result | stdout: Sink.done(stdout), stderr: stderr && Sink.done(stderr)}
  end

  defp binaries(fds), do: Map.new(fds, fn {fd, data} -> {fd, IO.iodata_to_binary(data)} end)

  defp halt({stdout, nil, _fds}), do: Sink.halt(stdout)

  defp halt({stdout, stderr, _fds}) do
    Sink.halt(stdout)
    Sink.halt(stderr)
  end
end
