defmodule Contained.BackPressureTest do
  # A consumer that does not keep up costs one window of memory, and nobody else's time.
  use Contained.Case, async: false

  import Contained.Measure

  alias Contained.{Launcher, Pattern, Process}

  @moduletag :port
  @moduletag timeout: 180_000

  @gigabyte 1024 * 1024 * 1024
  @window 1024 * 1024
  @frame 256 * 1024
  # What the VM needs for itself, on top of what it does while nothing happens: heaps, not data.
  @slack 256 * 1024

  setup do
    launcher = start_supervised!({Launcher, []})
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    %{launcher: launcher, worker: os_pids(launcher).worker}
  end

  defp start_gigabyte(launcher) do
    {:ok, process} = Contained.start(helper_path("chatty"), ["#{@gigabyte}"], launcher: launcher)

    process
  end

  # Everything that may come has come: exactly the window.
  defp await_full_window, do: eventually(fn -> unread() == @window end, 20_000)

  defp unread(number \\ 1) do
    {:messages, messages} = Elixir.Process.info(self(), :messages)
    Enum.sum(for {_, {:output, ^number, data}} <- messages, do: byte_size(data))
  end

  # The consumer sleeps: this is the case itself, nothing is waited for.
  defp sleep(ms), do: receive(after: (ms -> :ok))

  defp read_all(process, offset) do
    case Process.next(process, 20_000) do
      {:stdout, data} -> read_all(process, Pattern.check(offset, data))
      {:ended, result} -> {offset, result.reason}
    end
  end

  test "while it sleeps: the VM grows by the window and two frames, the worker not at all", ctx do
    collect_garbage()
    worker_before = rss_kb(ctx.worker)
    {:ok, idle} = growth(&total/0, fn -> sleep(500) end)

    {{process, binaries}, vm} =
      growth(&total/0, fn -> growth(&binary/0, fn -> asleep(ctx) end) end)

    IO.puts("  asleep: binaries grew by #{binaries} bytes, the VM by #{vm}, idle by #{idle}")
    assert binaries <= @window + 2 * @frame
    assert vm <= @window + 2 * @frame + idle + @slack

    {read, worker_most} = growth(fn -> rss_kb(ctx.worker) end, fn -> read_all(process, 0) end)

    IO.puts(
      "  worker: #{worker_before} KiB before, grew by #{worker_most} KiB while 1 GiB passed"
    )

    assert read == {@gigabyte, :exit}
    assert rss_kb(ctx.worker) - worker_before <= 2_048
    assert worker_most <= 2_048
  end

  defp total, do: :erlang.memory(:total)
  defp binary, do: :erlang.memory(:binary)

  defp asleep(ctx) do
    process = start_gigabyte(ctx.launcher)
    await_full_window()
    sleep(1_000)
    assert unread() == @window
    process
  end

  # A sleep per chunk: the command is ahead all the time.
  test "while it reads slowly", ctx do
    total = 200 * 1024 * 1024
    opts = [into: Pattern.each(fn _offset -> sleep(1) end), launcher: ctx.launcher]
    run = fn -> Contained.cmd(helper_path("chatty"), ["#{total}"], opts) end
    collect_garbage()

    {{result, vm}, worker} =
      growth(fn -> rss_kb(ctx.worker) end, fn -> growth(&binary/0, run) end)

    IO.puts("  slow: the VM's binaries grew by #{div(vm, 1024)} KiB, the worker by #{worker} KiB")
    assert result == {total, 0}
    # Frames that were consumed but are not yet garbage collected come on top, in this process and
    # in the launcher.
    assert vm <= 8 * @window
    assert worker <= 2_048
  end

  test "stderr has a window of its own", ctx do
    line = "\"$0\" 100000000 65536 2 & \"$0\" 3000 1000 1; wait"
    args = ["-c", line, helper_path("chatty")]
    opts = [stderr: :capture, launcher: ctx.launcher]
    {:ok, process} = Contained.start("sh", args, opts)
    eventually(fn -> unread(1) == 3_000 and unread(2) == @window end, 20_000)
    assert :ok = Process.stop(process, [])
    assert {:ok, %{reason: :stopped}} = Process.await(process)
  end

  test "a fast command beside it keeps over 80 % of its speed", ctx do
    echo = fn -> {"x\n", 0} = Contained.cmd("echo", ["x"], launcher: ctx.launcher) end

    bulk = fn ->
      opts = [into: %Pattern{}, launcher: ctx.launcher]
      {16_777_216, 0} = Contained.cmd(helper_path("chatty"), ["16777216"], opts)
    end

    assert attempts("echo, then 16 MiB, beside a blocked command", 3, fn ->
             one = kept_speed(ctx.launcher, 100, echo)
             other = kept_speed(ctx.launcher, 10, bulk)

             {one > 0.8 and other > 0.8,
              "#{percent(one)} and #{percent(other)} of the speed alone"}
           end)
  end

  # By turns, so that what else the machine does hits both alike.
  defp kept_speed(launcher, count, fun) do
    fun.()

    {alone, beside} =
      Enum.unzip(for _ <- 1..4, do: {times(count, fun), beside(launcher, count, fun)})

    median(List.flatten(alone)) / median(List.flatten(beside))
  end

  defp beside(launcher, count, fun) do
    writer =
      Task.async(fn ->
        process = start_gigabyte(launcher)
        await_full_window()
        receive(do: (:stop -> Process.stop(process, [])))
      end)

    eventually(fn -> busy?(writer.pid) end)
    times = times(count, fun)
    send(writer.pid, :stop)
    :ok = Task.await(writer)
    times
  end

  defp busy?(pid) do
    {:message_queue_len, length} = Elixir.Process.info(pid, :message_queue_len)
    length > 0
  end

  defp times(count, fun), do: for(_ <- 1..count, do: micros(fun))

  defp percent(ratio), do: "#{round(ratio * 100)} %"
end
