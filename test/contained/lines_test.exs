defmodule Contained.LinesTest do
  use ExUnit.Case, async: true

  alias Contained.Lines

  defp lines(chunks) do
    {lines, state} =
      Enum.flat_map_reduce(chunks, Lines.new(), fn chunk, state -> Lines.split(state, chunk) end)

    lines ++ Lines.finish(state)
  end

  test "ends are cut off, LF and CR LF" do
    assert lines(["a\nb\r\n\n\r\nc\n"]) == ["a", "b", "", "", "c"]
  end

  test "a carriage return elsewhere is kept" do
    assert lines(["a\rb\n\rc\nd\r\r\n"]) == ["a\rb", "\rc", "d\r"]
  end

  test "a last line without an end is a line" do
    assert lines(["a\nb"]) == ["a", "b"]
    assert lines(["b\r"]) == ["b\r"]
    assert lines(["a\n"]) == ["a"]
    assert lines([]) == []
  end

  test "lines are joined over chunks, wherever they are cut" do
    text = "one\r\ntwo\n\nthree, a longer one\r\nfour"
    expected = ["one", "two", "", "three, a longer one", "four"]

    for at <- 1..(byte_size(text) - 1), size <- [1, 2, 7] do
      <<head::binary-size(at), tail::binary>> = text
      pieces = for <<byte::binary-size(1) <- tail>>, do: byte
      chunks = [head | Enum.map(Enum.chunk_every(pieces, size), &IO.iodata_to_binary/1)]
      assert lines(chunks) == expected
    end
  end

  test "a long line comes whole" do
    long = String.duplicate("x", 1_000_000)
    assert lines([long, long, "\nend"]) == [long <> long, "end"]
  end

  test "as a port in line mode" do
    text = "a\r\nb\n\r\n\n" <> String.duplicate("l", 5_000) <> "\nlast\r"
    assert lines([text]) == port_lines(text)
  end

  defp port_lines(text) do
    options = [:binary, :exit_status, {:line, 100}, env: [{~c"TEXT", String.to_charlist(text)}]]
    port = Port.open({:spawn, "printenv TEXT"}, options)
    # printenv adds an end of line of its own: "\r\n" then, which is cut off.
    port_lines(port, "", []) |> List.update_at(-1, &(&1 <> "\r"))
  end

  defp port_lines(port, part, lines) do
    receive do
      {^port, {:data, {:noeol, data}}} -> port_lines(port, part <> data, lines)
      {^port, {:data, {:eol, data}}} -> port_lines(port, "", [part <> data | lines])
      {^port, {:exit_status, 0}} -> Enum.reverse(lines)
    end
  end

  test "kept short lines do not pin the frame they were cut from" do
    frame = String.duplicate("0123456789\n", 10_000)
    {lines, _state} = Lines.split(Lines.new(), frame)
    assert length(lines) == 10_000
    assert Enum.all?(lines, &(:binary.referenced_byte_size(&1) < 100))
  end

  test "what is pending does not pin its frame either" do
    frame = String.duplicate("x", 100_000) <> "\nrest"
    {[_line], state} = Lines.split(Lines.new(), frame)
    assert [rest] = Lines.finish(state)
    assert rest == "rest"
    assert :binary.referenced_byte_size(rest) < 100
  end
end
