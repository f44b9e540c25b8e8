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
      counters: counters(launcher, path)
    }
  end

  @doc "What the kernel has counted; nothing where it cannot be asked."
  @spec counters(pid, binary) :: counters
  def counters(launcher, path), do: counters(Cgroup.stats(Group.target(launcher, path)))

  defp counters({:ok, stats}) do
    %{
      oom: get_in(stats, [:memory, :oom_kill]) || 0,
      memory: get_in(stats, [:memory, :max_events]) || 0,
      pids: get_in(stats, [:pids, :max_events]) || 0
    }
  end

  defp counters({:error, _error}), do: @zero

  @doc """
  The processes as they are known from now on, who has come and who has gone; `leaders` are told of
  by the launcher. Of the others, one whose parent is not in the container may be a command that is just being started:
  it has come when it is seen for the second time, and is no copy of the port program any more.
  """
  @spec compare(known | nil, [map], [pos_integer]) ::
          {known, joined :: [map], left :: [map]}
  def compare(known, processes, leaders) do
    pids = MapSet.new(processes, & &1.pid)
    now = Map.new(processes, &{id(&1), mark(&1, known, pids, leaders)})

    left =
      for {id, %{seen: :other} = process} <- known || %{}, not is_map_key(now, id), do: process

    {now, for({id, %{seen: :other} = process} <- now, new?(known, id), do: process), left}
  end

  defp id(process), do: {process.pid, process.start_time}

  defp mark(process, known, pids, leaders) do
    before = with(%{seen: seen} <- (known || %{})[id(process)], do: seen)
    inside? = known == nil or process.ppid in pids
    leader? = process.pid in leaders

    if not leader? and not inside? and unborn?(before, process),
      do: Map.put(process, :seen, :perhaps),
      else: Map.put(process, :seen, seen(before, leader?, inside?))
  end

  # Until its program is executed a command is a copy of the port program, on a slow machine for long.
  defp unborn?(before, process),
    do: before in [nil, :perhaps] and process[:name] == "contained_port"

  # What was a leader stays one, also when its end has just been told.
  defp seen(before, leader?, _inside?) when before == :leader or leader?, do: :leader
  defp seen(nil, _leader?, false), do: :perhaps
  defp seen(_before, _leader?, _inside?), do: :other

  # At the first look nobody comes.
  defp new?(nil, _id), do: false
  defp new?(known, id), do: not match?(%{^id => %{seen: :other}}, known)

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
