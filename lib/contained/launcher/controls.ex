defmodule Contained.Launcher.Controls do
  @moduledoc false
  # The `control` requests that wait for their answers, and who waits for each.

  alias Contained.Protocol

  @max_ref 0x7FFFFFFF

  defstruct next: 0, waiting: %{}

  @type t :: %__MODULE__{
          next: Protocol.control(),
          waiting: %{Protocol.control() => {Protocol.id() | 0, reference | tuple}}
        }

  @spec new() :: t
  def new, do: %__MODULE__{}

  @doc "Notes that `reply` waits for an answer about the session `id`, 0 for none."
  @spec add(t, Protocol.id() | 0, reference | tuple) :: {Protocol.control(), t}
  def add(%{next: ref} = controls, id, reply) when is_map_key(controls.waiting, ref) do
    add(%{controls | next: following(ref)}, id, reply)
  end

  def add(%{next: ref} = controls, id, reply) do
    {ref,
     %{controls | next: following(ref), waiting: Map.put(controls.waiting, ref, {id, reply})}}
  end

  defp following(@max_ref), do: 0
  defp following(ref), do: ref + 1

  @doc "Who waits for the answer `ref`."
  @spec take(t, Protocol.control()) :: {reference | nil, t}
  def take(controls, ref) do
    {entry, waiting} = Map.pop(controls.waiting, ref)
    {with({_id, reply} <- entry, do: reply), %{controls | waiting: waiting}}
  end

  @doc "Who has waited longest for an answer about the session `id`."
  @spec take_first(t, Protocol.id() | 0) :: {reference | nil, t}
  def take_first(controls, id) do
    refs = for {ref, {^id, _reply}} <- controls.waiting, do: ref
    # The refs wrap: the oldest is the first behind the next one to be given.
    oldest = Enum.min_by(refs, &Integer.mod(&1 - controls.next, @max_ref + 1), fn -> nil end)
    take(controls, oldest)
  end

  @doc "All who wait for an answer about the session `id`."
  @spec take_all(t, Protocol.id() | 0) :: {[reference], t}
  def take_all(%{waiting: waiting} = controls, _id) when waiting == %{}, do: {[], controls}

  def take_all(controls, id) do
    {of_it, others} = Enum.split_with(controls.waiting, fn {_ref, {of, _reply}} -> of == id end)
    {for({_ref, {_id, reply}} <- of_it, do: reply), %{controls | waiting: Map.new(others)}}
  end

  @doc "All who wait for an answer about the session `id`, 0 for none."
  @spec waiting_for(t, Protocol.id() | 0) :: [reference | tuple]
  def waiting_for(controls, id), do: for({_ref, {^id, reply}} <- controls.waiting, do: reply)

  @doc "All who wait."
  @spec waiting(t) :: [reference]
  def waiting(controls), do: for({_ref, {_id, reply}} <- controls.waiting, do: reply)
end
