defmodule Contained.SinkTest do
  use ExUnit.Case, async: true

  alias Contained.Sink

  defp collect(chunks, collectable, lines?) do
    chunks
    |> Enum.reduce(Sink.new(collectable, lines?), &Sink.put(&2, &1))
    |> Sink.flush()
    |> Sink.done()
  end

  test "chunks as they come" do
    assert collect(["a\nb", "c"], "", false) == "a\nbc"
    assert collect(["a\nb", "c"], [], false) == ["a\nb", "c"]
    assert collect([], "", false) == ""
  end

  test "lines, the last one with the end of the stream" do
    assert collect(["a\nb", "c"], [], true) == ["a", "bc"]
    assert collect(["a\nb", "c\n"], "", true) == "abc"
    assert collect([], [], true) == []
  end

  defmodule Counter do
    defstruct [:owner]

    defimpl Collectable do
      def into(%{owner: owner}) do
        {0,
         fn
           count, {:cont, _data} -> count + 1
           count, command -> send(owner, {command, count})
         end}
      end
    end
  end

  test "is done with what was collected, halted with what it began with" do
    sink = %Counter{owner: self()} |> Sink.new(false) |> Sink.put("a") |> Sink.put("b")
    Sink.done(sink)
    assert_received {:done, 2}
    Sink.halt(sink)
    assert_received {:halt, 0}
  end
end
