defmodule Contained.Lines do
  @moduledoc false
  # Cuts a stream of chunks into lines, as a port opened with `{:line, n}` does: the end of line, LF
  # or CR LF, is cut off, and a last line without one is a line as well. Lines of any length are
  # joined.

  defstruct pending: [], size: 0

  @opaque t :: %__MODULE__{pending: [binary], size: non_neg_integer}

  @doc "Nothing read yet."
  @spec new() :: t
  def new, do: %__MODULE__{}

  @doc "The lines that `data` completes."
  @spec split(t, binary) :: {[binary], t}
  def split(%__MODULE__{pending: pending} = lines, data) do
    case :binary.split(data, "\n", [:global]) do
      [part] ->
        {[], push(lines, part, byte_size(data))}

      [first | others] ->
        {complete, [rest]} = Enum.split(others, -1)
        kept = Enum.map(complete, &(&1 |> cut_return() |> unpin(byte_size(data))))
        {[join(pending, first, byte_size(data)) | kept], push(new(), rest, byte_size(data))}
    end
  end

  @doc "How many bytes of a line that is not complete are held."
  @spec pending_size(t) :: non_neg_integer
  def pending_size(%__MODULE__{size: size}), do: size

  @doc "What is left at the end of the stream: one line or none."
  @spec finish(t) :: [binary]
  def finish(%__MODULE__{pending: []}), do: []
  def finish(%__MODULE__{pending: pending}), do: [pending |> Enum.reverse() |> join_parts()]

  defp push(lines, "", _size), do: lines

  defp push(%{pending: pending} = lines, part, size),
    do: %{lines | pending: [unpin(part, size) | pending], size: lines.size + byte_size(part)}

  defp join([], first, size), do: first |> cut_return() |> unpin(size)

  defp join(pending, first, _size),
    do: [first | pending] |> Enum.reverse() |> join_parts() |> cut_return()

  defp join_parts(parts), do: IO.iodata_to_binary(parts)

  defp cut_return(""), do: ""

  defp cut_return(line) do
    last = byte_size(line) - 1
    if :binary.at(line, last) == ?\r, do: binary_part(line, 0, last), else: line
  end

  # A kept sub-binary keeps the whole frame that it was cut from.
  defp unpin(part, size) when byte_size(part) * 4 < size, do: :binary.copy(part)
  defp unpin(part, _size), do: part
end
