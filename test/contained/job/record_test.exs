defmodule Contained.Job.RecordTest do
  use ExUnit.Case, async: true

  alias Contained.Job.Record

  test "a key that comes again makes a list" do
    assert {:ok, record} = Record.parse("name a\narg sh\narg -c\n")
    assert Record.get(record, "name") == "a"
    assert record["arg"] == ["sh", "-c"]
  end

  test "escapes stand for what would end a line" do
    assert {:ok, record} = Record.parse("arg a\\nb\\\\c d\n")
    assert Record.get(record, "arg") == "a\nb\\c d"
  end

  test "numbers are whole" do
    {:ok, record} = Record.parse("a 12\nb 1x\nc \n")
    assert Record.number(record, "a") == 12
    assert Record.number(record, "b") == nil
    assert Record.number(record, "c") == nil
    assert Record.number(record, "d") == nil
  end

  for {text, what} <- [
        {"name a", "a line without its end"},
        {"name\n", "a line without a value"},
        {" a\n", "a line without a key"},
        {"arg a\\x\n", "an unknown escape"},
        {"arg a\\", "a cut escape"}
      ] do
    test "#{what} is refused" do
      assert Record.parse(unquote(text)) == :error
    end
  end

  test "words come back as they were" do
    words = ["plain", "with a space", "with\na newline", "back\\slash", "\xFF"]
    assert words |> Enum.map_join(" ", &Record.word/1) |> Record.words() == words
  end
end
