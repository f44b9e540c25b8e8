defmodule Contained.Options.MuonTrap do
  @moduledoc false
  # The forms in which MuonTrap takes limits, refused in its words: `cgroup:`, a map of keys (2.x), and
  # `cgroup_controllers:` with `cgroup_sets:` (1.x).

  # Their key => ours, and what it may be. A quota with its period is no number of cores, but a setting.
  @fields %{
    cpu_weight: {"cpu_weight", :integer},
    cpu_max: {"cpu", :quota},
    cpu_idle: {"cpu_idle", :flag},
    memory_min: {"memory_min", :count},
    memory_low: {"memory_low", :count},
    memory_high: {"memory_high", :count_or_max},
    memory_max: {"memory", :count_or_max},
    memory_swap_max: {"swap", :count_or_max},
    memory_oom_group: {"oom_group", :flag},
    pids_max: {"pids", :count_or_max},
    io_weight: {"io_weight", :integer},
    cpuset_cpus: {"cpus", :text},
    cpuset_mems: {"mems", :text}
  }

  @typedoc "Limits, then settings, as they cross the port."
  @type confined :: {Contained.Limits.wire(), [{binary, binary, binary}]}

  @doc "Translates the map; raises `ArgumentError`."
  @spec config!(map) :: confined
  def config!(config) do
    {settings, limits} = config |> Enum.map(&field!/1) |> Enum.split_with(&(tuple_size(&1) == 3))
    {limits, settings}
  end

  defp field!({key, value}) do
    case @fields do
      %{^key => {limit, type}} -> translate(type, limit, value) || invalid!(key, value)
      _unknown -> raise ArgumentError, "unknown cgroup config field: #{inspect(key)}"
    end
  end

  defp invalid!(key, value) do
    raise ArgumentError, "invalid value for #{inspect(key)}: #{inspect(value)}"
  end

  defp translate(:quota, limit, :max), do: {limit, "max"}

  defp translate(:quota, _limit, {quota, period})
       when is_integer(quota) and quota >= 0 and is_integer(period) and period > 0,
       do: {"cpu", "cpu.max", "#{quota} #{period}"}

  defp translate(:flag, limit, true), do: {limit, "1"}
  defp translate(:flag, limit, false), do: {limit, "0"}
  defp translate(:count_or_max, limit, :max), do: {limit, "max"}
  defp translate(:count_or_max, limit, value), do: translate(:count, limit, value)
  defp translate(:count, limit, n) when is_integer(n) and n >= 0, do: {limit, "#{n}"}
  defp translate(:integer, limit, n) when is_integer(n), do: {limit, "#{n}"}
  defp translate(:text, limit, text) when is_binary(text), do: {limit, text}
  defp translate(_type, _limit, _value), do: nil

  # What a controller is listed for without a setting: groups of its own, which count. A limit that
  # does not limit makes them.
  @unlimited %{
    "memory" => [{"memory", "max"}],
    "cpu" => [{"cpu", "max"}],
    "pids" => [{"pids", "max"}]
  }
  # Every group counts CPU time and can be frozen.
  @always ~w(cpuacct freezer)

  @doc """
  The limits that stand for controllers without a setting in `sets`; raises `ArgumentError` for
  those that need one, and for a setting whose controller is not listed.
  """
  @spec controllers!([binary], [{binary, binary, binary}]) :: Contained.Limits.wire()
  def controllers!(controllers, sets) do
    set = sets |> Enum.map(&elem(&1, 0)) |> Enum.uniq()

    case set -- controllers do
      [] -> Enum.flat_map(controllers -- set, &unlimited!/1)
      [controller | _] -> raise ArgumentError, not_listed(controller, controllers)
    end
  end

  defp not_listed(controller, controllers) do
    "the controller #{inspect(controller)} of :cgroup_sets is not among " <>
      ":cgroup_controllers, got: #{inspect(controllers)}"
  end

  defp unlimited!(controller) when controller in @always, do: []

  defp unlimited!(controller) do
    Map.get(@unlimited, controller) ||
      raise ArgumentError,
            "the controller #{inspect(controller)} of :cgroup_controllers needs a setting in " <>
              ":cgroup_sets, only cpu, cpuacct, freezer, memory and pids do not"
  end
end
