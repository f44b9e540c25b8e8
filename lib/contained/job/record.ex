defmodule Contained.Job.Record do
  @moduledoc false
  # The text of a job's files and of its control socket, see c_src/job/record.hpp and lines.hpp.

  @type t :: %{binary => [binary]}

  @doc "A file: lines of a key, a space and a value. A key that comes again makes a list."
  @spec parse(binary) :: {:ok, t} | :error
  def parse(text) do
    lines = :binary.split(text, "\n", [:global])

    with [] <- List.last(lines) |> List.wrap() |> Enum.reject(&(&1 == "")),
         {:ok, pairs} <- pairs(Enum.drop(lines, -1), []),
         do: {:ok, Enum.group_by(pairs, &elem(&1, 0), &elem(&1, 1))},
         else: (_cut_short -> :error)
  end

  defp pairs([], pairs), do: {:ok, Enum.reverse(pairs)}

  defp pairs([line | lines], pairs) do
    with [key, value] when key != "" <- :binary.split(line, " "),
         {:ok, value} <- unescape(value, <<>>),
         do: pairs(lines, [{key, value} | pairs]),
         else: (_no_pair -> :error)
  end

  @doc "The first value of a key."
  @spec get(t, binary) :: binary | nil
  def get(record, key), do: record |> Map.get(key, []) |> List.first()

  @doc "The same as a number; `nil` when it is none."
  @spec number(t, binary) :: integer | nil
  def number(record, key) do
    with text when text != nil <- get(record, key), {number, ""} <- Integer.parse(text) do
      number
    else
      _no_number -> nil
    end
  end

  @doc "The words of a line; in a word `\\s` is a space."
  @spec words(binary) :: [binary]
  def words(line) do
    for word <- String.split(line, " ", trim: true),
        {:ok, word} <- [unescape(word, <<>>)],
        do: word
  end

  @doc "A word as it stands in a line."
  @spec word(binary) :: binary
  def word(text), do: for(<<byte <- text>>, into: <<>>, do: escape(byte))

  defp escape(?\\), do: "\\\\"
  defp escape(?\n), do: "\\n"
  defp escape(?\s), do: "\\s"
  defp escape(byte), do: <<byte>>

  defp unescape(<<>>, done), do: {:ok, done}
  defp unescape("\\\\" <> rest, done), do: unescape(rest, done <> "\\")
  defp unescape("\\n" <> rest, done), do: unescape(rest, done <> "\n")
  defp unescape("\\s" <> rest, done), do: unescape(rest, done <> " ")
  defp unescape("\\" <> _unknown, _done), do: :error
  defp unescape(<<byte, rest::binary>>, done), do: unescape(rest, <<done::binary, byte>>)
end
