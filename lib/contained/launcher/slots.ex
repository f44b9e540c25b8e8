defmodule Contained.Launcher.Slots do
  @moduledoc false
  # Sessions of one slot: the next is held back until those before it have ended that are being
  # stopped or have lost their owner.

  @type entries :: %{Contained.Protocol.id() => struct}

  @doc "Whether some of the slot are about to end."
  @spec leaving?(entries, term) :: boolean
  def leaving?(entries, slot) do
    Enum.any?(entries, fn {_id, entry} ->
      entry.slot == slot and entry.held == nil and (entry.stopping? or not alive?(entry.owner))
    end)
  end

  # An owner that has just died may not have been told of yet.
  defp alive?(owner) when node(owner) == node(), do: Process.alive?(owner)
  defp alive?(_remote), do: true

  @doc """
  Those of the slot that need not be held back any longer. Those that have lost their owner meanwhile are
  about to be told so.
  """
  @spec free(entries, term) :: [{Contained.Protocol.id(), struct}]
  def free(entries, slot) do
    held = for {id, %{slot: ^slot, held: {_, _}} = e} <- entries, alive?(e.owner), do: {id, e}
    if leaving?(entries, slot), do: [], else: held
  end
end
