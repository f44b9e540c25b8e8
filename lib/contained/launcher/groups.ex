defmodule Contained.Launcher.Groups do
  @moduledoc false
  # The containers of one launcher, as a value: which control groups they own, and what these are to
  # be like. A new port program is told of them before it starts a command.
  #
  # A container is known by its path and by a reference, an alias of its process, to which messages
  # go. When the process dies its commands are killed, and then its group; until that is done the
  # path is not given to another. Effects are those of `Contained.Launcher.Sessions`, and
  # `{:end_group, path, :remove | :kill}`, to be answered by `ended/2`.

  alias Contained.Protocol

  @type path :: binary
  @type entry :: %{
          ref: reference,
          monitor: reference,
          keep?: boolean,
          sealed?: boolean,
          setup: [{path, Protocol.group_operation()}]
        }
  @typep waiting :: {reference, pid, boolean, reference}

  defstruct open: %{}, ending: %{}

  @type t :: %__MODULE__{open: %{path => entry}, ending: %{path => [waiting]}}
  @type effect :: Contained.Launcher.Sessions.effect() | {:end_group, path, :remove | :kill}

  @spec new() :: t
  def new, do: %__MODULE__{}

  @doc """
  Gives `path` to the container `owner`. `reply` is told `:ok`, when it is free again if it is being
  cleaned up; or that another one has it.
  """
  @spec open(t, path, reference, pid, boolean, reference) :: {t, [effect]}
  def open(%{ending: ending} = groups, path, ref, owner, keep?, reply)
      when is_map_key(ending, path) do
    {%{groups | ending: Map.update!(ending, path, &(&1 ++ [{ref, owner, keep?, reply}]))}, []}
  end

  def open(groups, path, _ref, _owner, _keep?, reply) when is_map_key(groups.open, path),
    do: {groups, [{:reply, reply, {:error, :container, :ebusy, path}}]}

  def open(groups, path, ref, owner, keep?, reply) do
    monitor = :erlang.monitor(:process, owner, tag: {:container_down, path})
    entry = %{ref: ref, monitor: monitor, keep?: keep?, sealed?: false, setup: []}
    {%{groups | open: Map.put(groups.open, path, entry)}, [{:reply, reply, {:ok, nil}}]}
  end

  @doc "What a new port program is to be told for it, in order."
  @spec setup(t, path, [{path, Protocol.group_operation()}]) :: t
  def setup(groups, path, setup) when is_map_key(groups.open, path),
    do: put_in(groups.open[path].setup, setup)

  def setup(groups, _path, _setup), do: groups

  @doc "Nothing more is started in it."
  @spec seal(t, path) :: t
  def seal(groups, path) when is_map_key(groups.open, path),
    do: put_in(groups.open[path].sealed?, true)

  def seal(groups, _path), do: groups

  @doc "Where a command of the container `path` belongs; without a container to none."
  @spec place(t, path | nil) :: {:ok, reference | nil} | {:error, :noproc | :eshutdown}
  def place(_groups, nil), do: {:ok, nil}

  def place(groups, path) do
    case groups.open do
      %{^path => %{sealed?: false, ref: ref}} -> {:ok, ref}
      %{^path => _sealed} -> {:error, :eshutdown}
      _none -> {:error, :noproc}
    end
  end

  @doc "The reference of the container that has `path`."
  @spec ref(t, path) :: reference | nil
  def ref(groups, path), do: with(%{ref: ref} <- groups.open[path], do: ref)

  @doc "The container has come to its end, by itself or not. Returns its reference."
  @spec close(t, path) :: {t, reference | nil, [effect]}
  def close(groups, path) do
    case Map.pop(groups.open, path) do
      {nil, _open} ->
        {groups, nil, []}

      {entry, open} ->
        how = if entry.keep?, do: :kill, else: :remove
        groups = %__MODULE__{open: open, ending: Map.put_new(groups.ending, path, [])}
        {groups, entry.ref, [{:demonitor, entry.monitor}, {:end_group, path, how}]}
    end
  end

  @doc "The group is gone, or could not be removed: who has waited for its path may have it."
  @spec ended(t, path) :: {t, [effect]}
  def ended(groups, path) do
    {waiting, ending} = Map.pop(groups.ending, path, [])
    Enum.reduce(waiting, {%{groups | ending: ending}, []}, &open_waiting(path, &1, &2))
  end

  defp open_waiting(path, {ref, owner, keep?, reply}, {groups, effects}) do
    {groups, more} = open(groups, path, ref, owner, keep?, reply)
    {groups, effects ++ more}
  end

  @doc "Something has happened in a group that is watched."
  @spec event(t, path, atom, map) :: [effect]
  def event(groups, path, kind, details) do
    case groups.open do
      %{^path => entry} -> [{:tell, entry.ref, {:group, kind, details}}]
      _other -> []
    end
  end

  @doc "The port program is gone; what is told to the containers, and asked of the next one."
  @spec again(t) :: {[effect], [{path, Protocol.group_operation(), reference}]}
  def again(groups) do
    told = for {_path, entry} <- groups.open, do: {:tell, entry.ref, :port_down}
    {told, for({_, entry} <- groups.open, {path, op} <- entry.setup, do: {path, op, entry.ref})}
  end

  @doc "All that was being cleaned up has gone with the port program."
  @spec all_ended(t) :: {t, [effect]}
  def all_ended(groups) do
    Enum.reduce(Map.keys(groups.ending), {groups, []}, fn path, {groups, effects} ->
      {groups, more} = ended(groups, path)
      {groups, effects ++ more}
    end)
  end
end
