defmodule Contained.Container.Config do
  @moduledoc false
  # What a container was asked for, checked. It does not change while the container lives.

  alias Contained.Cgroup.Name
  alias Contained.{Limits, Options}
  alias Contained.Options.Schema

  @kinds [:cmd, :shell, :run, :stream, :start, :daemon]
  # A command is where its container is; and these are about one command alone.
  @not_for_all [:launcher, :container, :limits, :group_limits, :cgroup_group, :cgroup_name] ++
                 [:cgroup_path, :cgroup_base, :cgroup, :cgroup_controllers, :cgroup_sets] ++
                 [:keep_cgroup, :settings, :arg0, :stdin, :stderr, :stderr_to_stdout]
  @for_all for option <- Schema.all(),
               @kinds -- option.kinds == [],
               option.name not in @not_for_all,
               do: option.name

  @own [:name, :cgroup_name, :group, :launcher, :limits, :group_limits, :clean_cgroup, :subreaper] ++
         [:on_failure, :on_launcher_down, :poll_interval, :subscribers, :orphans]
  @of_child [:id, :restart, :shutdown, :significant]
  @levels 3

  defstruct [:name, :group, :path, :launcher, :registered] ++
              [limits: [], group_limits: [], on_unsupported: :error, clean?: true] ++
              [on_failure: :ignore, on_launcher_down: :relaunch, poll_interval: 1_000] ++
              [subscribers: [], defaults: %{}]

  @type t :: %__MODULE__{}

  @doc "The options of commands that a container takes as their defaults."
  @spec defaults() :: [atom]
  def defaults, do: @for_all

  @doc "Checks the options; raises `ArgumentError` for wrong ones."
  @spec new(keyword) :: t
  def new(opts) do
    unless Keyword.keyword?(opts), do: wrong!("options", opts, "a keyword list")
    {own, others} = opts |> Keyword.drop(@of_child) |> Keyword.split(@own)
    own = Map.new(own)
    for {key, value} <- own, do: check!(key, value)
    name = group_name!(own)
    group = Map.get(own, :group, "containers")

    %__MODULE__{
      name: name,
      group: group,
      path: group <> "/" <> name,
      launcher: Map.get(own, :launcher, Contained.Launcher),
      registered: registered(own[:name]),
      limits: limits!(:limits, own),
      group_limits: limits!(:group_limits, own),
      on_unsupported: Keyword.get(others, :on_unsupported, :error),
      clean?: Map.get(own, :clean_cgroup, true),
      on_failure: Map.get(own, :on_failure, :ignore),
      on_launcher_down: Map.get(own, :on_launcher_down, :relaunch),
      poll_interval: Map.get(own, :poll_interval, 1_000),
      subscribers: List.wrap(own[:subscribers]),
      defaults: others |> defaults!() |> put_orphans(own)
    }
  end

  defp check!(key, value) do
    unless good?(key, value), do: wrong!(key, value, allowed(key))
  end

  defp good?(:name, name), do: is_atom(name) or is_binary(name) or via?(name)
  defp good?(:cgroup_name, name), do: Name.valid?(name)
  defp good?(:group, group), do: match?({:ok, _}, Name.split(group, @levels))
  defp good?(:launcher, launcher), do: is_atom(launcher) or is_pid(launcher) or via?(launcher)
  defp good?(:clean_cgroup, clean?), do: is_boolean(clean?)
  defp good?(:orphans, orphans?), do: is_boolean(orphans?)
  defp good?(:subreaper, subreaper?), do: subreaper? == true
  defp good?(:on_failure, policy), do: policy in [:ignore, :stop]
  defp good?(:on_launcher_down, policy), do: policy in [:relaunch, :exit]
  defp good?(:poll_interval, ms), do: is_integer(ms) and ms > 0
  defp good?(:subscribers, pids), do: pids |> List.wrap() |> Enum.all?(&is_pid/1)
  defp good?(_limits, _value), do: true

  defp allowed(:name), do: "an atom, a binary, {:via, module, term} or {:global, term}"
  defp allowed(:cgroup_name), do: Name.allowed()
  defp allowed(:group), do: "at most #{@levels} names joined by /, each #{Name.allowed()}"
  defp allowed(:launcher), do: "the name or pid of a launcher, or :dedicated"
  defp allowed(key) when key in [:clean_cgroup, :orphans], do: "true or false"
  defp allowed(:subreaper), do: "true: orphans of a command always stay in Contained's hands"
  defp allowed(:on_failure), do: ":ignore or :stop"
  defp allowed(:on_launcher_down), do: ":relaunch or :exit"
  defp allowed(:poll_interval), do: "milliseconds from 1"
  defp allowed(:subscribers), do: "a pid or a list of pids"

  defp wrong!(key, value, allowed) do
    raise ArgumentError,
          "invalid value for option #{inspect(key)}: expected #{allowed}, got: #{inspect(value)}"
  end

  defp via?(name),
    do: match?({:via, module, _} when is_atom(module), name) or match?({:global, _}, name)

  # A binary names the control group alone.
  defp registered(name) when is_binary(name) or name == nil, do: nil
  defp registered(name), do: name

  defp group_name!(%{cgroup_name: name}), do: name
  defp group_name!(%{name: name}) when is_binary(name), do: valid!(name)

  defp group_name!(%{name: name}) when is_atom(name) and name != nil,
    do: name |> inspect() |> String.trim_leading(":") |> valid!()

  defp group_name!(_own), do: "container-#{System.unique_integer([:positive])}"

  defp valid!(name) do
    unless Name.valid?(name) do
      raise ArgumentError,
            "no control group can be called #{inspect(name)}, give the container a :cgroup_name: " <>
              Name.allowed()
    end

    name
  end

  defp limits!(key, own) do
    case Limits.encode(Map.get(own, key, [])) do
      {:ok, wire} -> wire
      {:error, text} -> raise ArgumentError, "invalid value for option #{inspect(key)}: #{text}"
    end
  end

  defp defaults!(opts) do
    case Keyword.keys(opts) -- @for_all do
      [] ->
        Options.parse!(:start, opts)

      [key | _] ->
        raise ArgumentError, "invalid option #{inspect(key)} with value #{inspect(opts[key])}"
    end
  end

  defp put_orphans(defaults, %{orphans: true}), do: Map.put(defaults, :orphans, true)
  defp put_orphans(defaults, _own), do: defaults

  # SIGKILL has 7 s to work, see `Contained.Session`; the rest is for the group to be removed.
  @margin 15_000

  @doc "How long a supervisor should wait for such a container to stop."
  @spec shutdown(keyword) :: pos_integer
  def shutdown(opts), do: Contained.Command.ladder_time(opts) + @margin
end
