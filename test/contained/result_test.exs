defmodule Contained.ResultTest do
  use ExUnit.Case, async: true

  alias Contained.Result

  @ended %{
    status: {:exited, 3},
    reason: :exit,
    left_behind: 1,
    unkilled: 0,
    wall_us: 10,
    user_us: 2,
    system_us: 3,
    max_rss_kb: 4,
    stdout_bytes: 5,
    stderr_bytes: 6
  }

  test "an exit" do
    result = Result.new(42, @ended)
    assert %Result{status: 3, exit: {:exited, 3}, reason: :exit, os_pid: 42} = result
    assert result.left_behind == 1

    assert result.usage == %{
             wall_us: 10,
             user_us: 2,
             system_us: 3,
             max_rss_kb: 4,
             stdout_bytes: 5,
             stderr_bytes: 6
           }
  end

  test "a signal is told apart from an exit code of the same status" do
    result = Result.new(42, %{@ended | status: {:signaled, 9, false}, reason: :signal})
    assert %Result{status: 137, exit: {:signaled, 9, false}, reason: :signal} = result
    assert Result.new(42, %{@ended | status: {:exited, 137}}).exit == {:exited, 137}
  end

  test "what the control group counted, and what was not applied" do
    counted = %{memory_peak: 1, oom_kills: 2, io_read: 3, io_written: 4, pids_peak: 5}
    ended = @ended |> Map.merge(counted) |> Map.put(:not_applied, ["memory", "io.latency"])
    ended = Map.put(ended, :limits_hit, ["pids"])
    result = Result.new(42, %{ended | reason: :oom, status: {:signaled, 9, false}})
    assert %Result{reason: :oom, status: 137, not_applied: [:memory, "io.latency"]} = result
    assert Map.take(result.usage, Map.keys(counted)) == counted
    assert result.limits_hit == [:pids]
    assert %{not_applied: [], limits_hit: []} = Result.new(42, @ended)
  end

  test "the launcher went away" do
    assert Result.new(nil, :launcher_down) == %Result{reason: :launcher_down}
    assert %Result{os_pid: 7, status: nil, exit: nil} = Result.new(7, :launcher_down)
  end
end
