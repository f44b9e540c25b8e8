defmodule Contained.Options.Values do
  @moduledoc false
  # Pieces of values that several options have. A check returns `{:ok, value}` or `:error`.

  @most_bytes 0x7FFFFFFFFFFFFFFF
  @units %{"" => 1, "K" => 1024, "M" => 1024 ** 2, "G" => 1024 ** 3, "T" => 1024 ** 4}

  @doc "The values of all of `list`, if each is right. An improper list is not."
  @spec all(term, (term -> {:ok, value} | :error)) :: {:ok, [value]} | :error when value: term
  def all(list, check), do: all(list, check, [])

  defp all([], _check, checked), do: {:ok, Enum.reverse(checked)}

  defp all([item | rest], check, checked) do
    with {:ok, value} <- check.(item), do: all(rest, check, [value | checked])
  end

  defp all(_improper, _check, _checked), do: :error

  @doc "A number of bytes, from one on, also as text with K, M, G or T (powers of 1024)."
  @spec bytes(term) :: {:ok, pos_integer} | :error
  def bytes(number) when number in 1..@most_bytes, do: {:ok, number}

  def bytes(text) when is_binary(text) do
    case Integer.parse(text) do
      {number, unit} when is_map_key(@units, unit) -> bytes(number * @units[unit])
      _other -> :error
    end
  end

  def bytes(_other), do: :error
end
