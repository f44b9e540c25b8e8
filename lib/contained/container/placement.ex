defmodule Contained.Container.Placement do
  @moduledoc false
  # Puts a command into a container: its launcher, its control group, the defaults of its options.

  alias Contained.Error

  @most_levels 4

  @type t :: %{path: binary, launcher: pid, defaults: map, daemons: pid}

  @doc "Where `container` is."
  @spec find(GenServer.server()) :: {:ok, t} | {:error, Error.t()}
  def find(container) do
    {:ok, GenServer.call(container, :placement)}
  catch
    :exit, {reason, {GenServer, :call, _}} -> {:error, gone(container, reason)}
  end

  defp gone(container, reason) when reason in [:timeout, :calling_self],
    do: Error.new(:container, reason, inspect(container))

  defp gone(container, _reason), do: Error.new(:container, :noproc, inspect(container))

  @doc "The options of a command, parsed, with what its container, if it has one, adds to them."
  @spec enter(map) :: {:ok, map} | {:error, Error.t()}
  def enter(%{container: container} = options) do
    if Map.has_key?(options, :launcher),
      do: raise(ArgumentError, ~s(cannot use "container" and "launcher"))

    with {:ok, place} <- find(container), do: {:ok, enter(place, options)}
  end

  def enter(options), do: {:ok, options}

  # Variables of both are set, the command's come later and win.
  defp enter(place, options) do
    place.defaults
    |> Map.merge(options, fn
      :env, default, env -> default ++ env
      _key, _default, own -> own
    end)
    |> Map.merge(%{launcher: place.launcher, container_path: place.path})
  end

  @doc "The specification with its group below the container's."
  @spec put(map, map) :: map
  def put(spec, %{container_path: path}) do
    group = if below = spec[:group], do: "#{path}/#{below}", else: path

    if length(String.split(group, "/")) > @most_levels do
      raise ArgumentError,
            "a control group may be #{@most_levels} names deep at most, got: #{inspect(group)}"
    end

    Map.merge(spec, %{group: group, container: path})
  end

  def put(spec, _options), do: spec
end
