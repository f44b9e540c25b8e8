defmodule Contained.Daemon.Live do
  @moduledoc false
  # What can be asked of a running daemon. The daemon itself only says what it knows; what the port program
  # has to be asked for is asked by the caller.

  alias Contained.Cgroup
  alias Contained.Cgroup.Stats
  alias Contained.Daemon.{Adopted, Sinks, State}
  alias Contained.Error

  ## In the daemon

  @doc "The handle of the running program, for other processes."
  @spec session(State.t()) :: {:ok, Contained.Process.t()} | {:error, :not_running}
  def session(%{session: session, os_pid: os_pid}) when session != nil and os_pid != nil,
    do: {:ok, %{session | writer: nil}}

  def session(_state), do: {:error, :not_running}

  @spec info(State.t()) :: map
  def info(%{config: %{command: %{call: {program, args, _opts}}}} = state) do
    %{
      program: program,
      args: args,
      name: state.name,
      state: phase(state),
      ready: state.ready?,
      paused: state.paused,
      os_pid: state.os_pid,
      restarts: state.restarts,
      uptime_ms: State.uptime(state),
      last_result: state.last,
      status: state.status
    }
  end

  defp phase(%{intent: intent}) when intent != nil, do: :stopping
  defp phase(%{phase: :new}), do: :starting
  defp phase(%{phase: :preparing}), do: :starting
  defp phase(%{phase: phase}), do: phase

  @spec statistics(State.t()) :: {map, {:ok, Contained.Process.t()} | {:error, :not_running}}
  def statistics(state) do
    bytes = state.tap.bytes

    statistics = %{
      output_byte_count: Enum.sum(Map.values(bytes)),
      output_bytes: bytes,
      restarts: state.restarts,
      uptime_ms: State.uptime(state),
      age_ms: State.now() - state.born,
      last_result: state.last
    }

    {Map.merge(statistics, sinks(state.sinks)), session(state)}
  end

  defp sinks(nil), do: %{sink_bytes: 0, sink_dropped: 0, sink_restarts: 0}
  defp sinks(sinks), do: Sinks.statistics(sinks)

  ## In the caller

  # Those that MuonTrap has in its statistics.
  @files ~w(memory.current memory.peak memory.events memory.swap.current memory.pressure) ++
           ~w(cpu.stat cpu.pressure pids.current pids.peak pids.events io.pressure cgroup.stat)

  @doc "The statistics of a daemon with what the kernel counts for its program."
  @spec complete(
          {map, {:ok, Contained.Process.t()} | {:adopted, Adopted.job()} | {:error, :not_running}}
        ) :: map
  def complete({statistics, {:ok, process}}) do
    usage =
      case Cgroup.stats(process) do
        {:ok, stats} -> stats
        {:error, _none} -> %{}
      end

    Map.merge(statistics, %{cgroup: files(process), usage: usage})
  end

  def complete({statistics, {:adopted, job}}),
    do: Map.merge(statistics, %{cgroup: %{}, usage: Adopted.usage(job)})

  def complete({statistics, _not_running}), do: Map.merge(statistics, %{cgroup: %{}, usage: %{}})

  defp files(process) do
    for file <- @files, {:ok, text} <- [Cgroup.get(process, file)], into: %{} do
      {file, value(file, text)}
    end
  end

  defp value(file, text) do
    cond do
      String.ends_with?(file, ".pressure") -> Stats.pressure(text)
      String.contains?(text, " ") -> text |> String.split("\n", trim: true) |> Map.new(&pair/1)
      true -> number(String.trim(text))
    end
  end

  defp pair(line) do
    [key, value] = String.split(line, " ", parts: 2)
    {key, number(value)}
  end

  defp number(text) do
    case Integer.parse(text) do
      {number, ""} -> number
      _text -> text
    end
  end

  @doc "As MuonTrap has it: what `:cgroup` takes."
  @spec config(Contained.Process.t()) :: map
  def config(process) do
    case Cgroup.limits(process) do
      {:ok, limits} -> Map.new(Enum.flat_map(limits, &field(&1, process)))
      {:error, _none} -> %{}
    end
  end

  @fields %{
    cpu_weight: :cpu_weight,
    cpu_idle: :cpu_idle,
    memory_min: :memory_min,
    memory_low: :memory_low,
    memory_high: :memory_high,
    memory: :memory_max,
    swap: :memory_swap_max,
    oom_group: :memory_oom_group,
    pids: :pids_max,
    io_weight: :io_weight,
    cpus: :cpuset_cpus,
    mems: :cpuset_mems
  }

  defp field({:cpu, cores}, process), do: [{:cpu_max, quota(cores, process)}]

  defp field({key, value}, _process) do
    case @fields do
      %{^key => field} -> [{field, value}]
      _ours_alone -> []
    end
  end

  @period 100_000

  defp quota(:max, _process), do: :max

  # The file says it exactly, where there is one (v2).
  defp quota(cores, process) do
    with {:ok, text} <- Cgroup.get(process, "cpu.max"),
         [quota, period] <- String.split(text),
         {quota, ""} <- Integer.parse(quota) do
      {quota, String.to_integer(period)}
    else
      _none -> {round(cores * @period), @period}
    end
  end

  # MuonTrap's paths are relative to this.
  @root "/sys/fs/cgroup"

  @spec path(Contained.Process.t()) :: binary | nil
  def path(process) do
    case Cgroup.path(process) do
      {:ok, path} when path != "" -> Path.relative_to(path, @root)
      _none -> nil
    end
  end

  @doc "Asks about a file of the program's group, and answers in the words of MuonTrap."
  @spec file(
          {:ok, Contained.Process.t()} | {:error, :not_running},
          (Contained.Process.t() ->
             answer)
        ) :: term
        when answer: {:ok, term} | :ok | {:error, Error.t()}
  def file({:error, :not_running}, _ask), do: {:error, :no_cgroup}

  def file({:ok, process}, ask) do
    with {:error, %Error{reason: reason}} <- ask.(process), do: {:error, posix(reason, process)}
  end

  # It is missing, or all of them are.
  defp posix(:enotsup, process), do: if(path(process), do: :enoent, else: :no_cgroup)
  defp posix(reason, _process), do: reason
end
