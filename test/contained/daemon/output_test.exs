defmodule Contained.Daemon.OutputTest do
  use ExUnit.Case, async: true

  alias Contained.Daemon.Output

  # What comes of chunks of one stream, with what is left at the end.
  defp lines(chunks, opts \\ []) do
    {lines, output} =
      Enum.flat_map_reduce(chunks, Output.new(opts), &Output.feed(&2, :stdout, &1))

    {left, _output} = Output.flush(output)
    lines ++ for({:stdout, line} <- left, do: line)
  end

  test "cuts off LF and CR LF, also at the border of chunks" do
    assert lines(["a\nb\r", "\nc", "d\n"]) == ["a", "b", "cd"]
  end

  test "a line without an end comes at the end" do
    assert lines(["a\nla", "st"]) == ["a", "last"]
  end

  test "empty lines are lines" do
    assert lines(["\n\n", "\n"]) == ["", "", ""]
  end

  test "a line as long as the limit is whole, with either end" do
    assert lines(["12345678\n"], max_line: 8) == ["12345678"]
    assert lines(["12345678", "\r", "\n"], max_line: 8) == ["12345678"]
    assert lines(["12345678"], max_line: 8) == ["12345678"]
  end

  test "a longer line comes in pieces with a marker behind all but the last" do
    pieces = ["1234 [...]", "5678 [...]", "9"]
    assert lines(["123456789\n"], max_line: 4) == pieces
    assert lines(["123456789"], max_line: 4) == pieces
    assert lines(for(<<char <- "123456789\r\n">>, do: <<char>>), max_line: 4) == pieces
    assert lines(["12345678", "\r", "\nx"], max_line: 4) == ["1234 [...]", "5678", "x"]
  end

  test "the marker is a choice" do
    assert lines(["123\n"], max_line: 2, marker: "+") == ["12+", "3"]
  end

  test "nothing is lost of any text, however it is cut into chunks" do
    text = for n <- 1..200, into: "", do: String.duplicate("äb€", rem(n * 37, 90)) <> "\n"

    for size <- [1, 7, 64, 1000] do
      pieces = lines(chunks(text, size), max_line: 50, marker: "\0")
      assert Enum.all?(pieces, &(byte_size(&1) <= 51 and String.valid?(&1)))
      assert pieces |> Enum.map_join(&String.replace_suffix(&1 <> "\n", "\0\n", "")) == text
    end
  end

  defp chunks(text, size) when byte_size(text) <= size, do: [text]

  defp chunks(text, size) do
    <<chunk::binary-size(size), rest::binary>> = text
    [chunk | chunks(rest, size)]
  end

  test "no more is held of a line without an end than the limit" do
    output = Output.new(max_line: 1024)
    chunk = String.duplicate("x", 100)

    Enum.reduce(1..1000, output, fn _, output ->
      {_lines, output} = Output.feed(output, :stdout, chunk)
      assert :erlang.external_size(output) < 2048
      output
    end)
  end

  test "streams do not mix" do
    output = Output.new()
    {[], output} = Output.feed(output, :stdout, "out")
    {[], output} = Output.feed(output, :stderr, "err")
    assert {["out!"], output} = Output.feed(output, :stdout, "!\n")
    assert {[], output} = Output.feed(output, :stdout, "more")
    assert {[stderr: "err", stdout: "more"], output} = Output.flush(output)
    assert {[], _output} = Output.flush(output)
  end

  test "valid UTF-8 on request only" do
    assert lines(["ä\xFF\n", "\xC3"]) == ["ä\xFF", "\xC3"]
    assert lines(["ä\xFF\n", "\xC3"], valid: true) == ["ä\uFFFD", "\uFFFD"]
    assert lines(["\xC3", "\xA4\n"], valid: true) == ["ä"]
  end

  test "text that is valid stays what it is" do
    for text <- ["", "ä€𝄞", "\0\e[1m"], do: assert(Output.valid(text) == text)
    # A surrogate, an overlong form, a character that is cut short.
    assert Output.valid(<<0xED, 0xA0, 0x80, ?a>>) == "\uFFFD\uFFFD\uFFFDa"
    assert Output.valid(<<0xC0, 0xAF>>) == "\uFFFD\uFFFD"
    assert Output.valid(<<"a", 0xE2, 0x82>>) == "a\uFFFD\uFFFD"
  end
end
