defmodule Contained.Confinement do
  @moduledoc false
  # What the options say about control groups and privileges, as keys of the start request.

  alias Contained.Options.MuonTrap

  @as_they_are [:group_limits, :on_unsupported, :keep_cgroup] ++
                 [:umask, :nice, :oom_score_adj, :rlimits, :no_new_privs, :capabilities] ++
                 [:seccomp, :landlock]

  # Options of which two do not go together: both name the place, or one means nothing alone.
  @places [:cgroup_path, :cgroup_group, :cgroup_name]

  @doc "The keys; raises `ArgumentError` for options that contradict each other."
  @spec spec(map) :: map
  def spec(options) do
    refuse_conflicts!(options)

    options
    |> Map.take(@as_they_are)
    |> Map.merge(place(options))
    |> put_list(:limits, limits(options))
    |> put_list(:settings, settings(options))
    |> put_delegation(options)
  end

  defp refuse_conflicts!(%{cgroup_path: _, cgroup_base: _}) do
    raise ArgumentError, "cannot specify both a cgroup_path and a cgroup_base"
  end

  defp refuse_conflicts!(%{cgroup: config} = options)
       when config != {[], []} and not is_map_key(options, :cgroup_path) and
              not is_map_key(options, :cgroup_base) do
    raise ArgumentError, "a :cgroup configuration requires a :cgroup_path or :cgroup_base"
  end

  defp refuse_conflicts!(%{cgroup_path: _} = options), do: only!(options, @places)

  defp refuse_conflicts!(%{cgroup_base: _} = options),
    do: only!(options, [:cgroup_base, :cgroup_group])

  defp refuse_conflicts!(%{delegate_cgroup: true} = options)
       when not is_map_key(options, :user) do
    raise ArgumentError, ~s(cannot use "delegate_cgroup: true" without "user")
  end

  defp refuse_conflicts!(_options), do: :ok

  defp only!(options, [one | others]) do
    case Enum.filter(others, &is_map_key(options, &1)) do
      [] -> :ok
      [other | _] -> raise ArgumentError, ~s(cannot use "#{one}" and "#{other}")
    end
  end

  defp place(%{cgroup_path: [name]}), do: %{name: name}

  defp place(%{cgroup_path: names}) do
    {group, [name]} = Enum.split(names, -1)
    %{group: Enum.join(group, "/"), name: name}
  end

  defp place(options) do
    group = options[:cgroup_base] || options[:cgroup_group]
    place = if group, do: %{group: Enum.join(group, "/")}, else: %{}
    if name = options[:cgroup_name], do: Map.put(place, :name, name), else: place
  end

  defp limits(options) do
    {from_map, _settings} = Map.get(options, :cgroup, {[], []})
    sets = Map.get(options, :cgroup_sets, [])
    controllers = options[:cgroup_controllers]
    listed = if controllers, do: MuonTrap.controllers!(controllers, sets), else: []
    listed ++ Map.get(options, :limits, []) ++ from_map
  end

  defp settings(options) do
    {_limits, from_map} = Map.get(options, :cgroup, {[], []})
    from_map ++ Map.get(options, :cgroup_sets, []) ++ Map.get(options, :settings, [])
  end

  defp put_list(spec, _key, []), do: spec
  defp put_list(spec, key, list), do: Map.put(spec, key, list)

  defp put_delegation(spec, %{delegate_cgroup: true}), do: Map.put(spec, :delegate, true)
  defp put_delegation(spec, _options), do: spec
end
