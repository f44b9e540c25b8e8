defmodule Contained.Pattern do
  @moduledoc false
  # The bytes of the native helpers: the one at offset i is i % 251. Checked as they come, so that
  # gigabytes can be: what is lost, doubled or moved is seen, and nothing is kept.
  #
  # As a collectable its result is the number of bytes, or {:wrong, offset_of_the_chunk}.

  @period 251
  @longest 256 * 1024
  @text 0..(@period - 1)
        |> Enum.into("", &<<&1>>)
        |> :binary.copy(div(@longest, @period) + 2)

  defstruct each: nil

  @doc "A collectable that also calls `fun` with every offset."
  def each(fun), do: %__MODULE__{each: fun}

  @doc "The offset after `chunk`, if `chunk` is right at `offset`."
  def check(offset, chunk) when is_integer(offset) do
    if chunk == bytes(offset, byte_size(chunk)),
      do: offset + byte_size(chunk),
      else: {:wrong, offset}
  end

  def check(wrong, _chunk), do: wrong

  @doc "The right bytes, without copying."
  def bytes(offset, size) when size <= @longest do
    binary_part(@text, rem(offset, @period), size)
  end

  @doc "The first `total` bytes, as an enumerable of chunks of `size`."
  def stream(total, size \\ 65_536) do
    0
    |> Stream.iterate(&(&1 + size))
    |> Stream.take_while(&(&1 < total))
    |> Stream.map(&bytes(&1, min(size, total - &1)))
  end

  defimpl Collectable do
    alias Contained.Pattern

    def into(%{each: nil}), do: {0, &collect/2}

    def into(%{each: fun}) do
      collect = fn acc, command ->
        if match?({:cont, _}, command), do: fun.(acc)
        collect(acc, command)
      end

      {0, collect}
    end

    defp collect(offset, {:cont, chunk}), do: Pattern.check(offset, chunk)
    defp collect(offset, :done), do: offset
    defp collect(_offset, :halt), do: :ok
  end
end
