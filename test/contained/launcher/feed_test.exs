defmodule Contained.Launcher.FeedTest do
  use ExUnit.Case, async: true

  alias Contained.Launcher.Feed

  @chunk :binary.copy("x", 64 * 1024)

  defp write!(feed, n) do
    Enum.reduce(1..n, feed, fn n, feed -> feed |> Feed.write(@chunk, n) |> elem(0) end)
  end

  test "a chunk within the window is sent and answered at once" do
    assert {_, [{:input, "hi"}, {:reply, :me, :ok}]} = Feed.write(Feed.new(), "hi", :me)
  end

  test "nobody is answered who did not ask" do
    assert {_, [{:input, "hi"}]} = Feed.write(Feed.new(), "hi", nil)
  end

  test "the window is 256 KiB; what exceeds it waits for credit, in order" do
    feed = write!(Feed.new(), 4)
    assert {feed, []} = Feed.write(feed, "five", 5)
    assert {feed, []} = Feed.write(feed, "six", 6)
    assert Feed.waiting(feed) == [5, 6]

    assert {feed, [{:input, "five"}, {:reply, 5, :ok}]} = Feed.credit(feed, 6)
    assert {feed, [{:input, "six"}, {:reply, 6, :ok}]} = Feed.credit(feed, 1)
    assert Feed.waiting(feed) == []
  end

  test "a small chunk does not overtake a large one that waits" do
    {feed, []} = Feed.write(write!(Feed.new(), 4), @chunk, 5)
    assert {_, []} = feed |> Feed.credit(10) |> elem(0) |> Feed.write("x", 6)
  end

  test "the end of input comes after what waits" do
    assert {_, [:close_input]} = Feed.close(Feed.new())

    {feed, []} = Feed.write(write!(Feed.new(), 4), "five", 5)
    assert {feed, []} = Feed.close(feed)
    assert {feed, [{:input, "five"}, {:reply, 5, :ok}, :close_input]} = Feed.credit(feed, 100)
    assert {_, []} = Feed.close(feed)
  end

  test "after the end of input nothing can be written" do
    {feed, _} = Feed.close(Feed.new())
    assert {_, [{:reply, :me, {:error, :closed}}]} = Feed.write(feed, "x", :me)
  end

  test "a command that closes its stdin frees its writers" do
    {feed, []} = Feed.write(write!(Feed.new(), 4), "five", 5)
    assert {feed, [{:reply, 5, {:error, :epipe}}]} = Feed.broken(feed, :epipe)
    assert {feed, [{:reply, 6, {:error, :epipe}}]} = Feed.write(feed, "six", 6)
    assert {_, []} = Feed.close(feed)
  end

  test "stdin that is no pipe takes nothing" do
    assert {nil, [{:reply, :me, {:error, :not_piped}}]} = Feed.write(nil, "x", :me)
    assert {nil, []} = Feed.close(nil)
    assert {nil, []} = Feed.credit(nil, 5)
    assert {nil, []} = Feed.broken(nil, :epipe)
    assert Feed.waiting(nil) == []
  end
end
