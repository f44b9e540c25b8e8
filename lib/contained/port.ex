defmodule Contained.Port do
  @moduledoc false
  # The port program as the VM sees it: where it is, how it is opened, written to and, when it
  # answers no longer, killed. The calling process owns the port and must trap exits: a write to a
  # program that is gone arrives as an exit signal.

  @program "contained_port"
  # Between the verdict and the end of a `--kill` call, which makes a few system calls only.
  @kill_timeout 500
  # Between two looks whether a process has ended.
  @look 2

  @type identity :: {os_pid :: pos_integer, start_time :: non_neg_integer}

  @doc "Path of the port program: `CONTAINED_PORT` if it is set, and not empty, else that in `priv`."
  @spec locate() :: {:ok, binary} | {:error, :enoent, binary}
  def locate do
    case System.get_env("CONTAINED_PORT") do
      unset when unset in [nil, ""] -> in_priv()
      path -> if File.regular?(path), do: {:ok, path}, else: missing([path])
    end
  end

  defp in_priv do
    path = Path.join(priv(), @program)
    if File.regular?(path), do: {:ok, path}, else: missing([path])
  end

  defp priv do
    case :code.priv_dir(:contained) do
      {:error, :bad_name} -> beside_beams()
      dir -> List.to_string(dir)
    end
  end

  # Scripts may have the modules in the code path without an application of that name.
  defp beside_beams do
    case :code.which(__MODULE__) do
      path when is_list(path) -> path |> Path.dirname() |> Path.join("../priv") |> Path.expand()
      _ -> "priv"
    end
  end

  defp missing([path]) do
    {:error, :enoent, "#{path} (of CONTAINED_PORT, else of the application's priv)"}
  end

  @doc """
  Opens the program. Its busy limits are off, so that a write never suspends the writer; what may
  be under way is bounded by credit instead.
  """
  @spec open(binary, [binary]) :: {:ok, port} | {:error, atom}
  def open(program, args) do
    {:ok, Port.open({:spawn_executable, program}, [{:args, args} | options()])}
  rescue
    error in ErlangError -> {:error, reason(error.original)}
    ArgumentError -> {:error, :einval}
  end

  # ERTS reports the exit status when it has both seen the end of the pipe and reaped the guardian,
  # that is when all is cleaned up. It can lose it (erlang/otp#11278); then the heartbeat finds out.
  defp options do
    [
      {:packet, 4},
      {:busy_limits_port, :disabled},
      {:busy_limits_msgq, :disabled},
      {:parallelism, true}
    ] ++ [:nouse_stdio, :binary, :exit_status, :hide]
  end

  defp reason(reason) when is_atom(reason), do: reason
  defp reason(_other), do: :einval

  @doc "Writes one frame; `false` when the port would have suspended the caller."
  @spec command(port, iodata) :: boolean
  def command(port, frame) do
    Port.command(port, frame, [:nosuspend])
  rescue
    # Closed: its end is in the mailbox already.
    ArgumentError -> true
  end

  @spec close(port) :: :ok
  def close(port) do
    Port.close(port)
    flush(port)
  rescue
    ArgumentError -> flush(port)
  end

  defp flush(port) do
    receive do
      {^port, _} -> flush(port)
      {:EXIT, ^port, _} -> flush(port)
    after
      0 -> :ok
    end
  end

  @doc "The program as it stands in the process table, without its help."
  @spec identity(port) :: {:ok, identity} | :error
  def identity(port) do
    with {:os_pid, pid} <- Port.info(port, :os_pid),
         {:ok, stat} <- File.read("/proc/#{pid}/stat") do
      {:ok, {pid, start_time(stat)}}
    else
      _ -> :error
    end
  end

  # Field 22 of proc_pid_stat(5).
  @doc "Whether a process could run if it had a processor."
  @spec runnable?(identity) :: boolean
  def runnable?({pid, start}) do
    case File.read("/proc/#{pid}/stat") do
      {:ok, stat} -> hd(fields(stat)) == "R" and start_time(stat) == start
      {:error, _reason} -> false
    end
  end

  defp start_time(stat), do: stat |> fields() |> Enum.at(19) |> String.to_integer()

  # Those behind the name, which may hold anything.
  defp fields(stat), do: stat |> String.split(")") |> List.last() |> String.split()

  @doc """
  Whether the process has ended, now or within `ms` milliseconds. The port's messages do not tell:
  after a write that failed there is no exit status, and what failed comes before the end.
  """
  @spec ended?(identity, non_neg_integer) :: boolean
  def ended?(identity, ms), do: ended_until?(identity, now() + ms)

  defp ended_until?(identity, deadline) do
    cond do
      not alive?(identity) ->
        true

      now() >= deadline ->
        false

      true ->
        Process.sleep(@look)
        ended_until?(identity, deadline)
    end
  end

  defp now, do: System.monotonic_time(:millisecond)

  @doc "Whether it is still that process, and not a zombie."
  @spec alive?(identity) :: boolean
  def alive?({pid, start}) do
    with {:ok, stat} <- File.read("/proc/#{pid}/stat") do
      hd(fields(stat)) not in ["Z", "X"] and start_time(stat) == start
    else
      _ -> false
    end
  end

  @doc """
  Kills processes by SIGKILL. `contained_port --kill PID:START ...` compares the start times, so
  that a recycled pid is left alone. Bounded in time.
  """
  @spec kill(binary, [identity]) :: :ok | :timeout
  def kill(program, identities) do
    {_pid, ref} = spawn_killer(program, Enum.map(identities, &to_argument/1))
    await_killer(ref)
  end

  defp to_argument({pid, start}), do: "#{pid}:#{start}"

  defp spawn_killer(program, targets), do: spawn_monitor(fn -> run_killer(program, targets) end)

  defp run_killer(program, targets) do
    port =
      Port.open({:spawn_executable, program}, [:exit_status, :hide, args: ["--kill" | targets]])

    receive do
      {^port, {:exit_status, _}} -> :ok
    end
  rescue
    # The program was removed meanwhile: nothing can be done but close the port.
    ErlangError -> :error
  end

  # One that is late goes on: to end it would close its port, and the program, which on a starved
  # machine may not even have been executed yet, would never kill anybody.
  defp await_killer(ref) do
    receive do
      {:DOWN, ^ref, _, _, _} -> :ok
    after
      @kill_timeout ->
        Process.demonitor(ref, [:flush])
        :timeout
    end
  end
end
