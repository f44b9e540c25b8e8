# What a daemon costs: to start 500, the memory of each, to stop all at once.
defmodule Bench.Daemon do
  import Bench

  @daemons 500

  def run do
    plain = measure(fn _number -> [] end)
    [] = Contained.info().commands
    ratio = plain.start / plain_time()
    start = ms(plain.start / @daemons)
    row("500 daemons: start, to start/3", "-", start, fixed(ratio), "<= 1.5", ratio <= 1.5)

    kib_row("native memory each", plain.native, 16)
    kib_row("BEAM memory each", plain.beam, 32)
    stop_row("stop all at once", plain.stop, 2_000_000)
    logging()
  end

  # Each with a file of its own, and so a sink program of its own.
  defp logging do
    dir = Path.join(System.tmp_dir!(), "contained-bench-#{System.pid()}")
    File.mkdir!(dir)
    logged = measure(&[log_to: {:file, "#{dir}/#{&1}"}])
    File.rm_rf!(dir)
    row("  with log_to: start", "-", ms(logged.start / @daemons), "-", "-", true)
    kib_row("with log_to: native memory each", logged.native, 1_536)
    kib_row("with log_to: BEAM memory each", logged.beam, 32)
    stop_row("with log_to: stop all at once", logged.stop, 10_000_000)
  end

  defp kib_row(what, kib, most),
    do: row("500 daemons: #{what}", "-", kib(kib), "-", "<= #{most} KiB", kib <= most)

  defp stop_row(what, micros, most) do
    target = "<= #{div(most, 1_000)} ms"
    row("500 daemons: #{what}", "-", ms(micros), "-", target, micros <= most)
  end

  defp measure(opts) do
    %{guardian: guardian, worker: worker} = os_pids()
    {:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
    before = memory(guardian, worker)
    start = time(fn -> for number <- 1..@daemons, do: start(supervisor, opts.(number)) end)
    {native, beam} = memory_each(memory(guardian, worker), before, @daemons)
    sinks = Enum.sum(Enum.map(sinks(), &pss/1)) / @daemons
    stop = time(fn -> DynamicSupervisor.stop(supervisor) end)
    %{start: start, native: native + sinks, beam: beam, stop: stop}
  end

  defp sinks do
    for name <- File.ls!("/proc"),
        {os_pid, ""} <- [Integer.parse(name)],
        {:ok, line} <- [File.read("/proc/#{name}/cmdline")],
        line =~ "contained_port\0--sink\0",
        do: os_pid
  end

  # It is ready, that is, its program runs, when this returns.
  defp start(supervisor, opts) do
    child = {Contained.Daemon, ["sleep", ["1000"], [ready: {:after, 0}] ++ opts]}
    {:ok, _pid} = DynamicSupervisor.start_child(supervisor, child)
  end

  # What start/3 takes for as many. They end with the task.
  defp plain_time do
    Task.await(Task.async(fn -> time(&start_plain/0) end), :infinity)
  end

  defp start_plain do
    for _ <- 1..@daemons, do: {:ok, _} = Contained.start("sleep", ["1000"])
  end

  defp ms(micros), do: "#{fixed(micros / 1000, 1)} ms"
  defp kib(number), do: "#{fixed(number, 1)} KiB"
end

Bench.Daemon.run()
