# How fast output comes, and what it costs the port program: 2 GB of zeros, counted and dropped.
defmodule Bench.Throughput do
  import Bench

  @bytes 2_000_000_000
  @rounds 5

  def run do
    %{worker: worker} = os_pids()
    before = cpu_seconds(worker)

    {theirs, ours} =
      pairs(@rounds, fn -> count(&System.cmd/3) end, fn -> count(&Contained.cmd/3) end)

    cpu = (cpu_seconds(worker) - before) / (@rounds * @bytes / 1.0e9)
    ratio = theirs / ours
    row("output of 2 GB", speed(theirs), speed(ours), fixed(ratio), ">= 1.00", ratio >= 1.0)
    row("worker's CPU per GB", "-", "#{fixed(cpu, 3)} s", "-", "<= 0.20 s", cpu <= 0.2)
  end

  defp count(cmd) do
    args = ["-c", Integer.to_string(@bytes), "/dev/zero"]
    {@bytes, 0} = cmd.("head", args, into: %Bench.Count{})
  end

  defp speed(microseconds), do: "#{round(@bytes / microseconds)} MB/s"
end

Bench.Throughput.run()
