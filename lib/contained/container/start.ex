defmodule Contained.Container.Start do
  @moduledoc false
  # How a container comes to its launcher, its path and its group, and these to their limits.

  alias Contained.Container.Group
  alias Contained.{Error, Launcher}

  @doc "Has the group made as it is to be. After an error nothing is left, when the process ends."
  @spec open(struct) :: {:ok, struct} | {:error, Error.t()}
  def open(%{config: config} = state) do
    with {:ok, state} <- find_launcher(state),
         :ok <- Group.open(state.launcher, config.path, state.ref, not config.clean?),
         {:ok, state} <- make(state),
         {:ok, state} <- limit(state, :group, config.group_limits),
         {:ok, state} <- limit(state, :container, config.limits) do
      {:ok, watch(state)}
    end
  end

  # Without a default launcher (Mix tasks, scripts) it has one of its own, too.
  defp find_launcher(%{config: %{launcher: :dedicated}} = state), do: own_launcher(state)

  defp find_launcher(%{config: %{launcher: launcher}} = state) do
    case GenServer.whereis(launcher) do
      nil when launcher == Launcher -> own_launcher(state)
      nil -> {:error, Error.new(:launcher, :noproc, inspect(launcher))}
      pid when is_pid(pid) -> {:ok, take(state, pid)}
      _remote -> {:error, Error.new(:launcher, :enotsup, inspect(launcher))}
    end
  end

  defp own_launcher(state) do
    {:ok, launcher} = Launcher.start_link()
    {:ok, %{take(state, launcher) | own_launcher: launcher}}
  end

  # The alias is what the launcher tells its messages to.
  defp take(state, launcher) do
    ref = :erlang.monitor(:process, launcher, alias: :explicit_unalias)
    %{state | launcher: launcher, ref: ref}
  end

  defp make(%{config: config} = state) do
    case Group.control(state.launcher, config.path, :make) do
      {:ok, nil} -> {:ok, %{state | mode: :groups}}
      {:error, %{stage: :cgroup, reason: :enotsup}} -> {:ok, %{state | mode: :sessions}}
      {:error, error} -> {:error, error}
    end
  end

  defp limit(state, _place, []), do: {:ok, state}

  defp limit(%{config: %{on_unsupported: :ignore}} = state, place, limits) do
    Enum.reduce_while(limits, {:ok, state}, fn {key, _value} = limit, {:ok, state} ->
      case set_limits(state, place, [limit]) do
        {:ok, state} -> {:cont, {:ok, state}}
        {:error, %{reason: :enotsup}} -> {:cont, {:ok, ignore(state, key)}}
        error -> {:halt, error}
      end
    end)
  end

  defp limit(state, place, limits), do: set_limits(state, place, limits)

  defp ignore(state, key),
    do: %{state | not_applied: state.not_applied ++ [Contained.Limits.key(key)]}

  # Of limits of which one is refused, those before it are in force: asked for again all the same.
  @doc "Sets limits of the container or of its group, and has them set again when that is lost."
  @spec set_limits(struct, :container | :group, Contained.Limits.wire()) ::
          {:ok, struct} | {:error, Error.t()}
  def set_limits(%{mode: :sessions}, _place, [{key, _value} | _]),
    do: {:error, Error.new(:limit, :enotsup, key)}

  def set_limits(state, _place, []), do: {:ok, state}

  def set_limits(%{config: config} = state, place, limits) do
    path = if place == :group, do: config.group, else: config.path

    with {:ok, nil} <- Group.control(state.launcher, path, {:set_limits, limits}) do
      state = Map.update!(state, field(place), &merge(&1, limits))
      Group.setup(state.launcher, config.path, setup(state))
      {:ok, state}
    end
  end

  defp field(:group), do: :group_limits
  defp field(:container), do: :limits

  @of_several ["io", "io_weight", "hugetlb"]

  defp merge(before, limits) do
    news = MapSet.new(limits, &about/1)
    Enum.reject(before, &(about(&1) in news)) ++ limits
  end

  # Of some there is one for each device.
  defp about({key, value}) when key in @of_several, do: {key, hd(String.split(value, " "))}
  defp about({key, _value}), do: key

  # What cannot be watched is looked at now and then.
  defp watch(state) do
    _told = Group.control(state.launcher, state.config.path, :watch)
    Group.setup(state.launcher, state.config.path, setup(state))
    state
  end

  defp setup(%{mode: :sessions}), do: []

  defp setup(%{config: config} = state) do
    for(
      {group, limits} <- [{config.group, state.group_limits}],
      limits != [],
      do: {group, {:set_limits, limits}}
    ) ++
      [{config.path, :make}] ++
      for(
        {path, limits} <- [{config.path, state.limits}],
        limits != [],
        do: {path, {:set_limits, limits}}
      ) ++
      [{config.path, :watch}]
  end
end
