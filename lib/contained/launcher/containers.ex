defmodule Contained.Launcher.Containers do
  @moduledoc false
  # What containers ask of the launcher's sessions, see `Contained.Container.Group` for who asks and
  # `Contained.Launcher.Groups` for what is known of them. A value in, a value and effects out.

  alias Contained.Launcher.{Groups, Sessions}
  alias Contained.Protocol

  @type request ::
          {:open, Groups.path(), reference, owner :: pid, keep? :: boolean, reply :: reference}
          | {:setup, Groups.path(), [{Groups.path(), Protocol.group_operation()}]}
          | {:stop, Groups.path(), :default | Protocol.ladder()}
          | {:close, Groups.path(), reply :: reference}
          | {:close, Groups.path()}

  @doc """
  To have a path, to say what is to be done for it again after a loss of the port program, to have all
  that runs in it stopped and nothing more started, to give it back.
  """
  @spec request(Sessions.t(), request) :: {Sessions.t(), [Sessions.effect()]}
  def request(sessions, {:open, path, ref, owner, keep?, reply}) do
    {groups, effects} = Groups.open(sessions.groups, path, ref, owner, keep?, reply)
    {%{sessions | groups: groups}, effects}
  end

  def request(sessions, {:setup, path, setup}),
    do: {%{sessions | groups: Groups.setup(sessions.groups, path, setup)}, []}

  def request(sessions, {:stop, path, ladder}) do
    case Groups.ref(sessions.groups, path) do
      nil -> {sessions, []}
      ref -> stop_all(%{sessions | groups: Groups.seal(sessions.groups, path)}, ref, ladder)
    end
  end

  def request(sessions, {:close, path, reply}) do
    {sessions, effects} = request(sessions, {:close, path})
    {sessions, effects ++ [{:reply, reply, {:ok, nil}}]}
  end

  # Whatever comes later: what runs is killed, and then what is in its group.
  def request(sessions, {:close, path}) do
    {groups, ref, effects} = Groups.close(sessions.groups, path)
    {sessions, stopped} = stop_all(%{sessions | groups: groups}, ref, [])
    {sessions, ended} = each(effects, sessions, &end_group/2)
    {sessions, stopped ++ ended}
  end

  defp stop_all(sessions, nil, _ladder), do: {sessions, []}

  defp stop_all(sessions, container, ladder) do
    refs = for {_id, %{container: ^container} = entry} <- sessions.entries, do: entry.ref
    each(refs, sessions, &Sessions.stop(&2, &1, ladder, nil))
  end

  defp end_group({:end_group, path, how}, sessions),
    do: Sessions.control(sessions, {:group, path}, how, {:end, path})

  defp end_group(effect, sessions), do: {sessions, [effect]}

  @doc "Tells containers that the port program is lost, and the next one of them."
  @spec again(Sessions.t()) :: {Sessions.t(), [Sessions.effect()]}
  def again(sessions) do
    {told, asked} = Groups.again(sessions.groups)

    {sessions, effects} =
      each(asked, sessions, fn {path, operation, ref}, sessions ->
        Sessions.control(sessions, {:group, path}, operation, ref)
      end)

    {sessions, told ++ effects}
  end

  defp each(items, sessions, fun) do
    Enum.reduce(items, {sessions, []}, fn item, {sessions, effects} ->
      {sessions, more} = fun.(item, sessions)
      {sessions, effects ++ more}
    end)
  end
end
