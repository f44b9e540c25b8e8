defmodule Contained.DaemonOutputTest do
  # Much output, and output at bad moments.
  use Contained.Case, async: false

  import ExUnit.CaptureLog

  alias Contained.Daemon

  @moduletag :port
  @moduletag :capture_log
  @moduletag timeout: 120_000

  setup do
    Process.flag(:trap_exit, true)
    :ok
  end

  defp start(script, opts) do
    {:ok, daemon} = Daemon.start_link("sh", ["-c", script], opts)
    on_exit(fn -> Process.exit(daemon, :kill) end)
    daemon
  end

  @megabytes 40

  test "a flood of lines takes little memory, and not one is lost" do
    lines = :counters.new(1, [])
    peak = :atomics.new(1, [])

    count = fn line ->
      44 = byte_size(line)
      :counters.add(lines, 1, 1)
      if rem(:counters.get(lines, 1), 1_000) == 0, do: note(peak)
    end

    before = :erlang.memory(:total)
    text = String.duplicate("a", 44)
    daemon = start("yes #{text} | head -n #{@megabytes * 20_000}", logger_fun: count)
    assert_receive {:EXIT, ^daemon, :normal}, 100_000
    assert :counters.get(lines, 1) == @megabytes * 20_000
    assert :atomics.get(peak, 1) - before < 32 * 1024 * 1024
  end

  defp note(peak) do
    now = :erlang.memory(:total)
    if now > :atomics.get(peak, 1), do: :atomics.put(peak, 1, now)
  end

  test "muontrap 5: lines of any length arrive whole, the last one without an end as well" do
    test = self()
    half = "printf %03000d $n"
    script = "for n in 1 2 3; do #{half}; sleep 0.02; #{half}; echo; done; printf end"
    daemon = start(script, logger_fun: &send(test, {:line, &1}))
    assert_receive {:EXIT, ^daemon, :normal}, 20_000
    whole = &String.duplicate(String.pad_leading("#{&1}", 3_000, "0"), 2)
    assert lines() == Enum.map(1..3, whole) ++ ["end"]
  end

  test "lines are logged at the levels of their streams, as valid text" do
    logged =
      capture_log(fn ->
        script = "echo to out; echo to err >&2; printf 'bad \\377 byte\\n'; sleep 0.05"
        daemon = start(script, log_output: [stdout: :info, stderr: :error], log_prefix: "me> ")
        assert_receive {:EXIT, ^daemon, :normal}, 20_000
      end)

    assert logged =~ ~r/\[info\] +me> to out/
    assert logged =~ ~r/\[error\] +me> to err/
    assert logged =~ "me> bad \uFFFD byte"
  end

  test "stdout and stderr in one pipe keep their order" do
    test = self()
    script = "for n in $(seq 200); do echo o$n; echo e$n >&2; done"
    daemon = start(script, stderr_to_stdout: true, logger_fun: &send(test, {:line, &1}))
    assert_receive {:EXIT, ^daemon, :normal}, 20_000
    assert lines() == Enum.flat_map(1..200, &["o#{&1}", "e#{&1}"])
  end

  defp lines do
    receive do
      {:line, line} -> [line | lines()]
    after
      0 -> []
    end
  end

  test "capture_stderr_only takes stderr alone" do
    daemon = start("echo out; echo err >&2", capture_stderr_only: true, on_output: self())
    assert_receive {:EXIT, ^daemon, :normal}, 20_000
    assert_received {Daemon, ^daemon, {:output, :stderr, "err\n"}}
    refute_received {Daemon, ^daemon, {:output, _, _}}
  end

  test "further descriptors are told by their number" do
    daemon = start("echo three >&3", fds: [{3, :output}], on_output: self())
    assert_receive {:EXIT, ^daemon, :normal}, 20_000
    assert_received {Daemon, ^daemon, {:output, {:fd, 3}, "three\n"}}
  end

  test "what a descendant still writes when the program has ended is not waited for" do
    test = self()
    daemon = start("(sleep 100; echo late) & echo early", logger_fun: &send(test, {:line, &1}))
    assert_receive {:EXIT, ^daemon, :normal}, 20_000
    assert_received {:line, "early"}
  end
end
