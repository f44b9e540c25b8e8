# How fast commands start and end: `true`, one after the other and sixteen at once.
defmodule Bench.Spawn do
  import Bench

  def run do
    Contained.cmd("true", [])
    serial("true, serial", "true")
    serial("/bin/true, serial", "/bin/true")
    concurrent()
  end

  defp serial(what, program) do
    {theirs, ours} =
      pairs(1_000, fn -> System.cmd(program, []) end, fn -> Contained.cmd(program, []) end)

    ratio = ours / theirs
    row(what, "#{theirs} us", "#{ours} us", fixed(ratio), "<= 0.92", ratio <= 0.92)
  end

  @at_once 16
  @batch 400

  defp concurrent do
    {theirs, ours} = pairs(7, fn -> batch(&System.cmd/2) end, fn -> batch(&Contained.cmd/2) end)

    {theirs, ours} = {@batch * 1_000_000 / theirs, @batch * 1_000_000 / ours}
    ratio = ours / theirs
    row("true, 16 at once", rate(theirs), rate(ours), fixed(ratio), ">= 1.10", ratio >= 1.1)
  end

  defp batch(cmd) do
    1..@batch
    |> Task.async_stream(fn _ -> {"", 0} = cmd.("true", []) end, max_concurrency: @at_once)
    |> Stream.run()
  end

  defp rate(per_second), do: "#{round(per_second)}/s"
end

Bench.Spawn.run()
