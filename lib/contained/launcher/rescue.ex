defmodule Contained.Launcher.Rescue do
  @moduledoc false
  # What the VM does by itself about the commands of a port program that hangs, or that was killed together with
  # its guardian: with native functions it kills their groups, in every hierarchy. Without them the guardian does
  # so when it is woken, or the next program when it starts.

  alias Contained.Native

  @pause 2

  @doc "Kills and removes the groups, for at most `ms` milliseconds; true when all are gone."
  @spec kill_groups(%{:hello => map | nil, optional(atom) => term}, non_neg_integer) :: boolean
  def kill_groups(%{hello: %{cgroup: path}}, ms) when path != "" do
    usable?() and kill_until(path, System.monotonic_time(:millisecond) + ms)
  end

  def kill_groups(_not_greeted_or_without_groups, _ms), do: false

  defp kill_until(path, deadline) do
    case Native.kill_trees(path) do
      {:ok, true} -> true
      _busy -> kill_again(path, deadline)
    end
  end

  defp kill_again(path, deadline) do
    if System.monotonic_time(:millisecond) < deadline do
      receive(after: (@pause -> :ok))
      kill_until(path, deadline)
    else
      false
    end
  end

  defp usable?, do: Native.loaded?() and Application.get_env(:contained, :native, true)
end
