# What a daemon costs: to start 500, the memory of each, to stop all at once.
defmodule Bench.Daemon do
  import Bench

  @daemons 500

  def run do
    %{guardian: guardian, worker: worker} = os_pids()
    {:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
    before = memory(guardian, worker)
    start_time = time(fn -> for _ <- 1..@daemons, do: start(supervisor) end)
    {native, beam} = memory_each(memory(guardian, worker), before, @daemons)
    stop_time = time(fn -> DynamicSupervisor.stop(supervisor) end)
    [] = Contained.info().commands

    ratio = start_time / plain_time()
    start = ms(start_time / @daemons)
    row("500 daemons: start, to start/3", "-", start, fixed(ratio), "<= 1.5", ratio <= 1.5)

    row("500 daemons: native memory each", "-", kib(native), "-", "<= 16 KiB", native <= 16)
    row("500 daemons: BEAM memory each", "-", kib(beam), "-", "<= 32 KiB", beam <= 32)

    row(
      "500 daemons: stop all at once",
      "-",
      ms(stop_time),
      "-",
      "<= 2000 ms",
      stop_time <= 2_000_000
    )
  end

  # It is ready, that is, its program runs, when this returns.
  defp start(supervisor) do
    child = {Contained.Daemon, ["sleep", ["1000"], [ready: {:after, 0}]]}
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
