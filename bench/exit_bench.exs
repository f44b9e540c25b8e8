# From the exit of a process to the message of Contained.Native.monitor/1, 1,000 being watched and ending one
# after the other. When it ended it says itself, by CLOCK_MONOTONIC in its last moment. In the first column
# the same exits as a program hears of them that does nothing but epoll_wait(2): what the machine is busy
# with delays both.
defmodule Bench.Exit do
  import Bench

  alias Contained.Native

  @many 1_000
  @target_us 5_000

  def run do
    if Native.loaded?(), do: compare(build()), else: IO.puts("exits: no native functions here")
  end

  defp build do
    program = Path.join(Mix.Project.build_path(), "bench_exits")
    args = ["-O2", "-o", program, Path.join(__DIR__, "support/exits.c")]
    {_, 0} = System.cmd(System.get_env("CC", "cc"), args)
    program
  end

  defp compare(program) do
    processes = for _ <- 1..@many, do: start(program)
    watcher = watcher(program, processes)
    {pids, exits, ours} = processes |> Enum.map(&exit_told/1) |> unzip3()
    seen = read(watcher, %{})
    theirs = for {pid, exit} <- Enum.zip(pids, exits), do: us(seen[pid] - exit)
    show("median", median(theirs), median(ours), nil)
    show("99 of 100 within", within(theirs, 0.99), within(ours, 0.99), nil)
    show("slowest", Enum.max(theirs), Enum.max(ours), @target_us)
  end

  defp start(program) do
    port = Port.open({:spawn_executable, program}, [:binary])
    {:os_pid, pid} = Port.info(port, :os_pid)
    {:ok, handle} = Native.open(pid)
    {:ok, ref} = Native.monitor(handle)
    {port, pid, handle, ref}
  end

  defp watcher(program, processes) do
    port = Port.open({:spawn_executable, program}, [:binary, line: 64, args: ["watch"]])
    Port.command(port, [Enum.map(processes, fn {_, pid, _, _} -> "#{pid}\n" end), "\n"])
    receive do: ({^port, {:data, {:eol, "ready"}}} -> port)
  end

  defp exit_told({port, pid, _handle, ref}) do
    Port.command(port, "x")
    told = receive do: ({:contained_exit, ^ref, _handle} -> clock())
    exit = receive do: ({^port, {:data, text}} -> String.to_integer(text))
    {pid, exit, us(told - exit)}
  end

  # CLOCK_MONOTONIC, as it is.
  defp clock do
    source = :erlang.system_info(:os_monotonic_time_source)
    div(source[:time] * 1_000_000_000, source[:resolution])
  end

  defp read(_port, seen) when map_size(seen) == @many, do: seen

  defp read(port, seen) do
    receive do
      {^port, {:data, {:eol, line}}} ->
        [pid, time] = line |> String.split() |> Enum.map(&String.to_integer/1)
        read(port, Map.put(seen, pid, time))
    end
  end

  defp unzip3(list),
    do: {Enum.map(list, &elem(&1, 0)), Enum.map(list, &elem(&1, 1)), Enum.map(list, &elem(&1, 2))}

  defp us(nanoseconds), do: div(nanoseconds, 1_000)
  defp within(times, share), do: times |> Enum.sort() |> Enum.at(round(length(times) * share) - 1)

  defp show(what, theirs, ours, target) do
    words = if target, do: "< #{div(target, 1_000)} ms", else: "-"
    met? = target == nil or ours < target

    row(
      "exit to message: #{what}",
      "#{theirs} us",
      "#{ours} us",
      fixed(ours / theirs),
      words,
      met?
    )
  end
end

Bench.Exit.run()
