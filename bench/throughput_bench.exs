# How fast output comes, and what it costs the port program: 2 GB of zeros, counted and dropped.
defmodule Bench.Throughput do
  import Bench

  @rounds 5

  # A program writes in blocks of its own size; small ones cost the pipe, and on two processors the
  # relay beside it, more than the bytes do.
  @programs [
    {"2 GB in blocks of 64 KiB (dd)", "dd", ~w(if=/dev/zero bs=64k count=30518 status=none),
     30_518 * 65_536},
    {"2 GB in blocks of 8 KiB (head)", "head", ~w(-c 2000000000 /dev/zero), 2_000_000_000}
  ]

  def run, do: Enum.each(@programs, &compare/1)

  defp compare({what, program, args, bytes}) do
    %{worker: worker} = os_pids()
    count = fn cmd -> {^bytes, 0} = cmd.(program, args, into: %Bench.Count{}) end
    count.(&Contained.cmd/3)
    before = cpu_seconds(worker)

    {theirs, ours} =
      pairs(@rounds, fn -> count.(&System.cmd/3) end, fn -> count.(&Contained.cmd/3) end)

    cpu = (cpu_seconds(worker) - before) / (@rounds * bytes / 1.0e9)
    ratio = theirs / ours
    row(what, speed(bytes, theirs), speed(bytes, ours), fixed(ratio), ">= 1.00", ratio >= 1.0)
    row("  worker's CPU per GB", "-", "#{fixed(cpu, 3)} s", "-", "<= 0.20 s", cpu <= 0.2)
  end

  defp speed(bytes, microseconds), do: "#{round(bytes / microseconds)} MB/s"
end

Bench.Throughput.run()
