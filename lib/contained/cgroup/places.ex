defmodule Contained.Cgroup.Places do
  @moduledoc false
  # Where the control groups of running commands are, so that Contained.Native can look at them without asking
  # the port program. A launcher notes what its program answers, before whoever has asked gets it, and forgets it
  # when the command has ended or its groups may have become more.

  alias Contained.{Native, Process, Session}

  @table __MODULE__

  @type target :: Process.t() | {pid, reference}

  @doc "Makes the table; it belongs to the calling process."
  @spec new_table() :: :ok
  def new_table do
    :ets.new(@table, [:named_table, :public, :set, read_concurrency: true])
    :ok
  end

  @doc "Notes the places of the calling launcher's session `ref`."
  @spec note(reference, Native.places() | []) :: boolean
  def note(ref, places), do: table?() and :ets.insert(@table, {ref, self(), places, nil})

  @spec forget(reference) :: boolean
  def forget(ref), do: table?() and :ets.delete(@table, ref)

  @doc "Forgets what launchers have noted that were killed."
  @spec forget_dead() :: boolean
  def forget_dead do
    table?() and :ets.tab2list(@table) |> Enum.all?(&(alive?(&1) or forget(elem(&1, 0))))
  end

  defp alive?({_ref, launcher, _places, _handle}), do: Elixir.Process.alive?(launcher)

  @doc """
  What the VM can look at by itself: `:none` without native functions, for a launcher on another node, and for a
  command without groups.
  """
  @spec fetch(target) :: {:ok, Native.places()} | :none | {:error, Contained.Error.t()}
  def fetch(target) do
    with {:ok, places, _handle} <- row(target), do: {:ok, places}
  end

  @doc "Counts by `Contained.Native.stats/1`, with files that stay open until the command ends if there may be so many."
  @spec stats(target) :: {:ok, list} | :none | {:error, Contained.Error.t()} | Native.error()
  def stats(target) do
    with {:ok, places, handle} <- row(target), do: Native.stats(handle || open(target, places))
  end

  defp open(target, places) do
    case Native.open_groups(places) do
      {:ok, handle} ->
        :ets.update_element(@table, ref(target), {4, handle})
        handle

      _error ->
        places
    end
  end

  defp row(target) do
    if near?(target) and usable?(), do: lookup(target, &ask/1), else: :none
  end

  defp lookup(target, otherwise) do
    case :ets.lookup(@table, ref(target)) do
      [{_ref, _launcher, [], _handle}] -> :none
      [{_ref, _launcher, places, handle}] -> {:ok, places, handle}
      [] -> otherwise.(target)
    end
  end

  # Between the answer and here the command may have ended: then there is nothing to look at.
  defp ask(target) do
    with {:ok, _places} <- Session.control(target, :places),
         do: lookup(target, fn _target -> :none end)
  end

  defp ref(%Process{ref: ref}), do: ref
  defp ref({_launcher, ref}), do: ref

  defp near?(%Process{launcher: launcher}), do: near?({launcher, nil})
  defp near?({launcher, _ref}), do: is_pid(launcher) and node(launcher) == node()

  # The environment is for tests, which compare the two ways.
  defp usable?,
    do: Native.loaded?() and Application.get_env(:contained, :native, true) and table?()

  defp table?, do: :ets.whereis(@table) != :undefined
end
