defmodule Contained.FloodTest do
  # A gigabyte of a daemon's output. What goes into rotated files is whole, and the VM does not notice; what goes
  # through the VM takes little of its memory.
  #
  # It is left out by `mix test --exclude flood`.
  use Contained.Case, async: false

  import Contained.Measure

  alias Contained.{Daemon, Launcher, Needs}

  @moduletag :port
  @moduletag :flood
  @moduletag timeout: 300_000

  @lines 10_000_000
  @line 100
  @megabyte 1_048_576

  @tag skip: Needs.disk(2)
  test "1 GB into log files: complete over rotations, VM and port program flat" do
    Process.flag(:trap_exit, true)
    log = Path.join(tmp_dir(), "flood.log")
    %{worker: worker, guardian: guardian} = Contained.Proc.launcher_info(Launcher).os_pids
    native = fn -> rss_kb(worker) + rss_kb(guardian) end
    collect_garbage()

    {{{micros, reductions}, kb}, bytes} =
      growth(fn -> :erlang.memory(:total) end, fn ->
        growth(native, fn -> flood(log) end)
      end)

    old = for number <- 1..length(Path.wildcard(log <> ".*"))//1, do: "#{log}.#{number}"
    assert length(old) == 9
    assert {"", 0} = System.cmd(helper_path("flood"), ["#{@lines}" | old ++ [log]])
    assert bytes < 10 * @megabyte
    assert kb < 8 * 1024
    # Counts come once a second, whatever the bytes.
    assert reductions < 200_000

    IO.puts(
      "  1 GB: #{div(@lines * @line, micros)} MB/s, the VM grew by #{div(bytes, 1024)} KiB, the " <>
        "port program by #{kb} KiB; #{reductions} reductions"
    )
  end

  @long_lines 1_000_000

  test "1 GB through the VM, line by line: every one, in little memory" do
    Process.flag(:trap_exit, true)
    lines = :counters.new(1, [])
    text = String.duplicate("a", 999)

    fun = fn line ->
      999 = byte_size(line)
      :counters.add(lines, 1, 1)
    end

    collect_garbage()

    {micros, bytes} =
      growth(fn -> :erlang.memory(:total) end, fn ->
        args = ["-c", "yes #{text} | head -n #{@long_lines}"]
        {:ok, daemon} = Daemon.start_link("sh", args, logger_fun: fun)
        micros(fn -> assert_receive({:EXIT, ^daemon, :normal}, 240_000) end)
      end)

    assert :counters.get(lines, 1) == @long_lines
    assert bytes < 32 * @megabyte
    IO.puts("  1 GB: #{div(1_000 * @long_lines, micros)} MB/s, grew by #{div(bytes, 1024)} KiB")
  end

  # Until all of it is in the files. Nobody may find more than a few messages waiting.
  defp flood(log) do
    opts = [log_to: {:file, log, rotate: [size: 110_000_000]}, name: __MODULE__]
    launcher = Process.whereis(Launcher)
    since = System.monotonic_time(:microsecond)
    {:ok, daemon} = Daemon.start_link(helper_path("flood"), ["#{@lines}"], opts)
    before = reductions([launcher, daemon])
    {reductions, queued} = watch(daemon, launcher, {before, 0})
    assert queued < 50
    {System.monotonic_time(:microsecond) - since, reductions - before}
  end

  defp watch(daemon, launcher, {reductions, queued}) do
    receive do
      {:EXIT, ^daemon, :normal} -> {reductions, queued}
    after
      20 -> watch(daemon, launcher, look([launcher, daemon], reductions, queued))
    end
  end

  defp look(pids, reductions, queued) do
    {max(reductions, reductions(pids)), max(queued, Enum.max(Enum.map(pids, &waiting/1)))}
  end

  defp reductions(pids), do: Enum.sum(Enum.map(pids, &figure(&1, :reductions)))
  defp waiting(pid), do: figure(pid, :message_queue_len)

  defp figure(pid, name) do
    case Process.info(pid, name) do
      {^name, value} -> value
      nil -> 0
    end
  end
end
