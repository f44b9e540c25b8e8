# What a command costs that does nothing: memory of the port program and of the VM, each of 500.
defmodule Bench.Idle do
  import Bench

  @commands 500

  def run do
    %{guardian: guardian, worker: worker} = os_pids()
    before = memory(guardian, worker)
    tasks = for _ <- 1..@commands, do: Task.async(fn -> Contained.cmd("sleep", ["1000"]) end)
    wait_until(fn -> length(Contained.info().commands) == @commands and all_started?() end)
    {native, beam} = memory_each(memory(guardian, worker), before, @commands)
    Enum.each(tasks, &Task.shutdown(&1, :brutal_kill))
    wait_until(fn -> Contained.info().commands == [] end)

    row("500 idle: native memory (PSS) each", "-", kib(native), "-", "<= 16 KiB", native <= 16)
    row("500 idle: BEAM memory each", "-", kib(beam), "-", "<= 16 KiB", beam <= 16)
  end

  defp all_started?, do: Enum.all?(Contained.info().commands, & &1.os_pid)

  defp wait_until(condition) do
    unless condition.() do
      Process.sleep(20)
      wait_until(condition)
    end
  end

  defp kib(number), do: "#{fixed(number, 1)} KiB"
end

Bench.Idle.run()
