defmodule Contained.Container.Census do
  @moduledoc false
  # Who is in a container, looked at now and then: the kernel tells when a group becomes empty, not who
  # joins or leaves it. And what its counters say, where the kernel does not tell of them.
  #
  # A look is taken by a process of its own, so that the container can be asked meanwhile.

  alias Contained.Cgroup
  alias Contained.Container.Group

  @type process_id :: {pos_integer, non_neg_integer}
  @type known :: %{process_id => map}
  @type counters :: %{oom: non_neg_integer, memory: non_neg_integer, pids: non_neg_integer}
  @type look :: %{processes: [map], counters: counters}

  @zero %{oom: 0, memory: 0, pids: 0}

  @spec zero() :: counters
  def zero, do: @zero

  @doc "Looks, and tells the calling process by `{{Contained.Container.Census, :look}, _, :process, _, look}`."
  @spec start(pid, binary, [reference]) :: reference
  def start(launcher, path, commands) do
    pid = spawn(fn -> wait(launcher, path, commands) end)
    monitor = :erlang.monitor(:process, pid, tag: {__MODULE__, :look})
    send(pid, {:go, monitor})
    monitor
  end

  # Nobody waits for a reason that comes before the monitor.
  defp wait(launcher, path, commands) do
    receive do
      {:go, _monitor} -> exit({:shutdown, look(launcher, path, commands)})
    end
  end

  @spec look(pid, binary, [reference]) :: look
  def look(launcher, path, commands) do
    %{
      processes: Group.processes(launcher, path, commands),
      counters: counters(Cgroup.stats(Group.target(launcher, path)))
    }
  end

  defp counters({:ok, stats}) do
    %{
      oom: get_in(stats, [:memory, :oom_kill]) || 0,
      memory: get_in(stats, [:memory, :max_events]) || 0,
      pids: get_in(stats, [:pids, :max_events]) || 0
    }
  end

  defp counters({:error, _error}), do: @zero

  @doc "The processes as they are known from now on, who has come and who has gone."
  @spec compare(known | nil, [map]) :: {known, joined :: [map], left :: [map]}
  def compare(known, processes) do
    now = Map.new(processes, &{{&1.pid, &1.start_time}, &1})
    before = known || now

    {now, Map.values(Map.drop(now, Map.keys(before))),
     Map.values(Map.drop(before, Map.keys(now)))}
  end

  @doc "What has grown."
  @spec grown(counters, counters) :: [{:oom | :memory | :pids, pos_integer}]
  def grown(before, now), do: for({key, count} <- now, count > before[key], do: {key, count})

  @doc "The higher of each."
  @spec highest(counters, counters) :: counters
  def highest(before, now), do: Map.merge(before, now, fn _key, a, b -> max(a, b) end)

  @doc "Processes under their parents: each map with its `:children`."
  @spec tree([map]) :: [map]
  def tree(processes) do
    pids = MapSet.new(processes, & &1.pid)
    children = Enum.group_by(processes, & &1.ppid)
    for process <- processes, process.ppid not in pids, do: branch(process, children)
  end

  defp branch(process, children) do
    below = for child <- Map.get(children, process.pid, []), do: branch(child, children)
    Map.put(process, :children, below)
  end
end
