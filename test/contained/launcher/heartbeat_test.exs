defmodule Contained.Launcher.HeartbeatTest do
  use ExUnit.Case, async: true

  alias Contained.Launcher.Heartbeat

  defp ticks(beat, n) do
    Enum.map_reduce(1..n, beat, fn _, beat -> Heartbeat.tick(beat) end)
  end

  test "silence is met by two pings, then by patience, then by the verdict" do
    {verdicts, _} = ticks(Heartbeat.new(), 20)
    starved = List.duplicate(:wedged_unless_starved, 16)
    assert verdicts == [{:ping, 1}, {:ping, 2}, :wait] ++ starved ++ [:wedged]
  end

  test "a program that is heard between ticks is not pinged" do
    beat = Heartbeat.heard(Heartbeat.new(), :output)
    assert {:alive, beat} = Heartbeat.tick(beat)
    assert {{:ping, 1}, _} = Heartbeat.tick(beat)
  end

  test "any frame takes the suspicion back, at any stage" do
    for n <- 1..3 do
      {_, beat} = ticks(Heartbeat.new(), n)
      assert {:alive, beat} = beat |> Heartbeat.heard(:control) |> Heartbeat.tick()
      assert {{:ping, _}, _} = Heartbeat.tick(beat)
    end
  end

  test "pings have rising numbers" do
    {_, beat} = ticks(Heartbeat.new(), 2)
    {:alive, beat} = beat |> Heartbeat.heard(:control) |> Heartbeat.tick()
    assert {{:ping, 3}, _} = Heartbeat.tick(beat)
  end

  test "output is remembered beside control frames" do
    beat = Heartbeat.new() |> Heartbeat.heard(:output) |> Heartbeat.heard(:control)
    assert beat.heard == :output
    beat = Heartbeat.new() |> Heartbeat.heard(:control) |> Heartbeat.heard(:output)
    assert beat.heard == :output
  end
end
