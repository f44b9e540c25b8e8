# What the benchmarks share: pairs measured in turn, so that both see the same noise, and medians.
defmodule Bench do
  @doc "Runs `ours` and `theirs` in turn `rounds` times; returns both medians in microseconds."
  def pairs(rounds, theirs, ours) do
    {a, b} =
      Enum.reduce(1..rounds, {[], []}, fn round, {a, b} ->
        if rem(round, 2) == 0 do
          time = time(theirs)
          {[time | a], [time(ours) | b]}
        else
          time = time(ours)
          {[time(theirs) | a], [time | b]}
        end
      end)

    {median(a), median(b)}
  end

  def time(fun), do: fun |> :timer.tc() |> elem(0)

  def median(list), do: list |> Enum.sort() |> Enum.at(div(length(list), 2))

  @doc "Prints one row: what, System.cmd's figure, ours, the ratio, and whether the target is met."
  def row(what, theirs, ours, ratio, target, met?) do
    verdict = if met?, do: "ok", else: "MISSED"
    cells = [String.pad_trailing(what, 34), pad(theirs), pad(ours), pad(ratio), pad(target)]
    IO.puts(Enum.join(cells, "  ") <> "  " <> verdict)
  end

  def head do
    cells = [String.pad_trailing("", 34) | Enum.map(~w(System Contained ratio target), &pad/1)]
    IO.puts(Enum.join(cells, "  "))
  end

  defp pad(text), do: String.pad_leading(text, 12)

  def fixed(number, digits \\ 2), do: :erlang.float_to_binary(number / 1, decimals: digits)

  @doc "Guardian and worker of the default launcher."
  def os_pids do
    Contained.cmd("true", [])
    %{launchers: [%{os_pids: pids} | _]} = Contained.info()
    pids
  end

  @doc "User and system time that a process has used, in seconds."
  def cpu_seconds(pid) do
    fields =
      "/proc/#{pid}/stat" |> File.read!() |> String.split(") ") |> List.last() |> String.split()

    [user, system] = fields |> Enum.slice(11, 2) |> Enum.map(&String.to_integer/1)
    # USER_HZ is 100 on every Linux, see times(2) and proc_pid_stat(5).
    (user + system) / 100
  end

  @doc "Proportional set size of a process in KiB, see proc_pid_smaps(5)."
  def pss(pid) do
    [_, kib] = Regex.run(~r/^Pss:\s+(\d+) kB/m, File.read!("/proc/#{pid}/smaps_rollup"))
    String.to_integer(kib)
  end

  @doc "KiB of the port program and of the VM."
  def memory(guardian, worker) do
    Enum.each(Process.list(), &:erlang.garbage_collect/1)
    {pss(guardian) + pss(worker), :erlang.memory(:total) / 1024}
  end

  @doc "The difference of two of them, for each of `count`."
  def memory_each({native, beam}, {native_before, beam_before}, count),
    do: {(native - native_before) / count, (beam - beam_before) / count}
end

# Counts what it is given and keeps nothing.
defmodule Bench.Count do
  defstruct bytes: 0

  defimpl Collectable do
    def into(count) do
      {count,
       fn
         count, {:cont, data} -> %{count | bytes: count.bytes + byte_size(data)}
         count, :done -> count.bytes
         _count, :halt -> :ok
       end}
    end
  end
end
