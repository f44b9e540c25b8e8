defmodule Contained.Measure do
  @moduledoc false
  # Figures about this VM and about processes of the system, and runs that are repeated because a
  # machine is shared.

  def median(values), do: values |> Enum.sort() |> Enum.at(div(length(values), 2))

  @doc "Microseconds that `fun` takes."
  def micros(fun) do
    {micros, _result} = :timer.tc(fun)
    micros
  end

  @doc """
  Calls `fun` up to `times` times until it returns `{true, report}`; what it reports is printed.
  A busy machine may spoil a measurement, but not make a bad one good.
  """
  def attempts(name, times, fun) do
    {good?, report} = fun.()
    IO.puts("  #{name}: #{report}")
    if good? or times == 1, do: good?, else: attempts(name, times - 1, fun)
  end

  @doc "Medians of both, in microseconds, each called `count` times, by turns."
  def compare(count, one, other) do
    {ones, others} = Enum.unzip(for _ <- 1..count, do: {micros(one), micros(other)})
    {median(ones), median(others)}
  end

  @doc "A launcher's processes, `%{guardian: os_pid, worker: os_pid}`."
  def os_pids(launcher) do
    Enum.find(Contained.info().launchers, &(&1.pid == launcher)).os_pids
  end

  def rss_kb(os_pid), do: status(os_pid, "VmRSS")

  @doc "A number of proc_pid_status(5)."
  def status(os_pid, key) do
    [_, value] = Regex.run(~r/^#{key}:\s+(\d+)/m, File.read!("/proc/#{os_pid}/status"))
    String.to_integer(value)
  end

  def open_files(os_pid), do: length(File.ls!("/proc/#{os_pid}/fd"))

  @doc "The living and dead children of a process."
  def children(os_pid) do
    for pid <- pids(), [state, parent | _] <- [stat(pid)], parent == "#{os_pid}" do
      {pid, state}
    end
  end

  @doc "All processes, zombies too."
  def pids, do: for(name <- File.ls!("/proc"), {pid, ""} <- [Integer.parse(name)], do: pid)

  @doc "Fields of proc_pid_stat(5), from the third on; none for a process that is gone."
  def stat(os_pid) do
    case File.read("/proc/#{os_pid}/stat") do
      {:ok, stat} -> stat |> String.split(")") |> List.last() |> String.split()
      {:error, _reason} -> []
    end
  end

  @doc "A figure's growth while `fun` runs, looked at every millisecond: `{result, growth}`."
  def growth(figure, fun) do
    before = figure.()
    sampler = Task.async(fn -> sample(figure, before) end)
    result = fun.()
    send(sampler.pid, :enough)
    {result, Task.await(sampler) - before}
  end

  defp sample(figure, most) do
    receive do
      :enough -> max(most, figure.())
    after
      1 -> sample(figure, max(most, figure.()))
    end
  end

  @doc "Lets every process drop what it no longer needs."
  def collect_garbage, do: Enum.each(Process.list(), &:erlang.garbage_collect/1)
end
