# What control groups cost: a command in one against a command without, limits, and a thousand groups at
# once. Here the first column is the mode without groups, or the first hundred.
defmodule Bench.Containment do
  import Bench

  alias Contained.{Cgroup, Launcher}
  alias Contained.Process, as: Command

  @many 1_000
  @some 100

  def run do
    {:ok, %{containment: kind}} = Cgroup.info()
    if kind == :best_effort, do: IO.puts("no control groups here: #{kind}"), else: compare()
  end

  defp compare do
    {:ok, without} = Launcher.start_link(containment: :best_effort)
    one = fn opts -> fn -> {"", 0} = Contained.cmd("true", [], opts) end end
    against(one.(launcher: without), "true in a group, to one without", one.([]))
    {:ok, %{limits: limits}} = Cgroup.info()
    if :pids in limits, do: limited(one)
    GenServer.stop(without)
    if Contained.Native.loaded?(), do: look()
    many()
  end

  # The first column is the way through the port program.
  defp look do
    {:ok, process} = Contained.start("sleep", ["600"], stdin: :null)
    {:ok, _stats} = Cgroup.stats(process)
    by_port = fn -> {:ok, _} = Contained.Session.control(process, :stats) end
    {by_port, by_itself} = pairs(5_000, by_port, fn -> {:ok, _} = Cgroup.stats(process) end)

    row(
      "Cgroup.stats by native functions",
      "#{by_port} us",
      "#{by_itself} us",
      fixed(by_itself / by_port),
      "<= 0.33",
      by_itself <= by_port / 3
    )

    Command.stop(process, [])
  end

  defp against(without, what, with_group) do
    {without, with_group} = pairs(500, without, with_group)
    ratio = with_group / without
    row(what, "#{without} us", "#{with_group} us", fixed(ratio), "<= 1.10", ratio <= 1.1)
  end

  # No target: a group with a limit is made for that command alone.
  defp limited(one) do
    {plain, limited} = pairs(500, one.([]), one.(limits: [pids: 100]))

    row(
      "true with a limit, to one without",
      "#{plain} us",
      "#{limited} us",
      fixed(limited / plain),
      "-",
      true
    )
  end

  defp many do
    {starts, processes} = Enum.unzip(for _ <- 1..@many, do: timed_start())
    {first, last} = {median(Enum.take(starts, @some)), median(Enum.take(starts, -@some))}
    ratio = last / first

    row(
      "start: the last 100 of 1,000 alive",
      "#{first} us",
      "#{last} us",
      fixed(ratio),
      "<= 1.25",
      ratio <= 1.25
    )

    stop(processes)
  end

  defp timed_start do
    {micros, {:ok, process}} =
      :timer.tc(fn -> Contained.start("sleep", ["600"], stdin: :null) end)

    {micros, process}
  end

  defp stop(processes) do
    micros =
      time(fn ->
        processes
        |> Task.async_stream(&Command.stop/1, max_concurrency: @many, timeout: 60_000)
        |> Enum.each(fn {:ok, :ok} -> :ok end)
      end)

    row(
      "stop of 1,000 at once",
      "-",
      "#{div(micros, 1_000)} ms",
      "-",
      "< 1000 ms",
      micros < 1_000_000
    )
  end
end

Bench.Containment.run()
