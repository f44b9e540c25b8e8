defmodule Contained.Launcher.Arguments do
  @moduledoc false
  # The options of a launcher: whether they are right, and what the port program is told of them.

  @containments [:auto, :required, :cgroup2, :hybrid, :cgroup1, :best_effort]

  @doc "Raises `ArgumentError` for a wrong one."
  @spec check!(keyword) :: :ok
  def check!(opts), do: Enum.each(opts, &validate!/1)

  defp validate!({:name, _}), do: :ok
  defp validate!({:cgroup_base, path}) when is_binary(path), do: :ok
  defp validate!({:containment, containment}) when containment in @containments, do: :ok
  defp validate!({:take_over, flag}) when is_boolean(flag), do: :ok
  defp validate!({:heartbeat, ms}) when is_integer(ms) and ms > 0, do: :ok

  defp validate!({key, value}) do
    raise ArgumentError, "invalid option #{inspect(key)} with value #{inspect(value)}"
  end

  defp validate!(other), do: raise(ArgumentError, "invalid option #{inspect(other)}")

  @doc "Words of the command line of `contained_port`."
  @spec words(keyword) :: [binary]
  def words(opts), do: Enum.flat_map(opts, &argument/1)

  defp argument({:cgroup_base, path}), do: ["--cgroup-base", path]
  defp argument({:containment, :auto}), do: []
  defp argument({:containment, containment}), do: ["--containment", "#{containment}"]
  defp argument({:take_over, true}), do: ["--take-over"]
  defp argument(_other), do: []
end
