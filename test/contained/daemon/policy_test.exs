defmodule Contained.Daemon.PolicyTest do
  use ExUnit.Case, async: true

  alias Contained.Daemon.Policy
  alias Contained.Result

  @backoff %{min: 100, max: 450, factor: 2, jitter: 0, reset: 5_000}

  defp exited(status), do: %Result{reason: :exit, exit: {:exited, status}, status: status}
  defp killed(n), do: %Result{reason: :signal, exit: {:signaled, n, false}, status: 128 + n}
  defp reason(reason), do: %Result{reason: reason, exit: {:signaled, 15, false}, status: 143}

  defp ended(options, result, uptime \\ 0),
    do: options |> Policy.new() |> Policy.ended(result, uptime)

  describe "without options" do
    test "the daemon ends with its program" do
      assert ended(%{}, exited(0)) == {:stop, :normal}
      assert ended(%{}, exited(1)) == {:stop, :error_exit_status}
      assert ended(%{}, killed(9)) == {:stop, :error_exit_status}
      assert ended(%{}, %{killed(9) | reason: :oom}) == {:stop, :error_exit_status}
      assert ended(%{}, reason(:output_limit)) == {:stop, :output_limit}
      assert ended(%{}, reason(:watchdog)) == {:stop, :watchdog}
    end

    test "a run that took too long is followed by the next" do
      assert {:restart, 0, _} = ended(%{max_runtime: 5}, reason(:timeout))
      options = %{max_runtime: 5, on_timeout: :stop}
      assert ended(options, reason(:timeout)) == {:stop, :timeout}
    end
  end

  test "the function is asked for what is no success, signals as 128 + n" do
    options = %{exit_status_to_reason: &{:status, &1}, success_exit_codes: [0, 3]}
    assert ended(options, exited(0)) == {:stop, :normal}
    assert ended(options, exited(3)) == {:stop, :normal}
    assert ended(options, exited(4)) == {:stop, {:status, 4}}
    assert ended(options, killed(15)) == {:stop, {:status, 143}}
    # A signal is no success, whatever number it makes.
    assert ended(%{success_exit_codes: [143]}, killed(15)) == {:stop, :error_exit_status}
  end

  describe "backoff" do
    defp delays(policy, results) do
      {delays, _} =
        Enum.map_reduce(results, policy, fn {result, uptime}, policy ->
          {:restart, delay, policy} = Policy.ended(policy, result, uptime)
          {delay, policy}
        end)

      delays
    end

    test "doubles up to the longest, and begins anew after a healthy run" do
      policy = Policy.new(%{backoff: @backoff})
      crash = {exited(1), 10}
      healthy = {exited(1), 5_000}
      assert delays(policy, List.duplicate(crash, 5)) == [100, 200, 400, 450, 450]
      assert delays(policy, [crash, crash, healthy, crash]) == [100, 200, 100, 200]
    end

    test "follows :restart: permanent after any exit, transient after failures" do
      assert {:restart, 100, _} = ended(%{backoff: @backoff}, exited(0))
      assert {:restart, 100, _} = ended(%{backoff: @backoff, restart: :transient}, exited(1))
      assert {:stop, :normal} = ended(%{backoff: @backoff, restart: :transient}, exited(0))
    end

    test "jitter stays within its share" do
      options = %{backoff: %{@backoff | jitter: 0.5}}

      for _ <- 1..200 do
        assert {:restart, delay, _} = ended(options, exited(1))
        assert delay in 50..150
      end
    end

    test "a delay of 0 can grow" do
      policy = Policy.new(%{backoff: %{@backoff | min: 0, max: 3}})
      assert delays(policy, List.duplicate({exited(1), 0}, 4)) == [0, 2, 3, 3]
    end

    test "max_restarts leaves it to the supervisor then" do
      policy = Policy.new(%{backoff: @backoff, max_restarts: 2})
      {:restart, _, policy} = Policy.ended(policy, exited(1), 0)
      {:restart, _, policy} = Policy.failed(policy, :whatever)
      assert Policy.ended(policy, exited(1), 0) == {:stop, :error_exit_status}
      assert Policy.ended(policy, exited(0), 0) == {:stop, :normal}
    end
  end

  test "interval starts again what ended well" do
    assert {:restart, 700, _} = ended(%{interval: 700}, exited(0))
    assert ended(%{interval: 700}, exited(1)) == {:stop, :error_exit_status}
    assert {:restart, 100, _} = ended(%{interval: 700, backoff: @backoff}, exited(1))
  end

  test "the launcher's end costs no restart, and is followed at once, then more slowly" do
    policy = Policy.new(%{backoff: @backoff, max_restarts: 0})
    down = %Result{reason: :launcher_down}
    assert [0, 50, 100, 200] == delays(policy, List.duplicate({down, 0}, 4))
    assert [0, 50, 0] == delays(policy, [{down, 0}, {down, 0}, {down, 60_000}])
    assert ended(%{on_launcher_down: :exit}, down) == {:stop, :launcher_down}
    # Stopped, and not by the daemon.
    assert {:restart, 0, _} = ended(%{}, reason(:stopped))
  end

  test "options without effect are refused" do
    for {options, message} <- [
          {%{max_restarts: 3}, ~s(cannot use "max_restarts" without "backoff")},
          {%{on_timeout: :stop}, ~s(cannot use "on_timeout" without "max_runtime")},
          {%{backoff: @backoff, restart: :temporary},
           ~s(cannot use "backoff" and "restart: :temporary")}
        ] do
      assert_raise ArgumentError, message, fn -> Policy.new(options) end
    end
  end
end
