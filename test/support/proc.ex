defmodule Contained.Proc do
  @moduledoc false
  # Processes seen from outside, by /proc alone, and how long their end takes.

  import Contained.Case

  @attempts 3

  @doc "A word that no other process has among its arguments."
  def marker, do: "mark-#{System.pid()}-#{System.unique_integer([:positive])}"

  @doc "The living processes that have `marker` among their arguments."
  def marked(marker) do
    for pid <- all_pids(), marker in arguments(pid), os_alive?(pid), do: pid
  end

  defp all_pids do
    for name <- File.ls!("/proc"), {pid, ""} <- [Integer.parse(name)], do: pid
  end

  defp arguments(pid) do
    case File.read("/proc/#{pid}/cmdline") do
      {:ok, text} -> String.split(text, <<0>>)
      {:error, _gone} -> []
    end
  end

  @doc "The dead children that `parent` has not reaped."
  def zombies_of(parent) do
    for pid <- all_pids(), [^parent, "Z"] <- [parent_and_state(pid)], do: pid
  end

  # proc_pid_stat(5): pid (name) state ppid ...
  defp parent_and_state(pid) do
    with {:ok, stat} <- File.read("/proc/#{pid}/stat") do
      [state, parent | _] = stat |> String.split(") ") |> List.last() |> String.split()
      [String.to_integer(parent), state]
    end
  end

  @doc "The control groups in a launcher's tree that have processes in them."
  def command_groups(tree) do
    for file <- Path.wildcard(Path.join(tree, "*/*/cgroup.procs")),
        {:ok, pids} when pids != "" <- [File.read(file)],
        do: Path.dirname(file)
  end

  @doc "The trees that the program of `guardian` has made beside `tree`."
  def trees_of(guardian, tree) do
    Path.wildcard(Path.join(Path.dirname(tree), "contained-*-#{guardian}-*"))
  end

  @doc "Sends a signal to all `pids`, by one kill(1)."
  def kill(signal, pids) do
    args = ["-" <> signal | Enum.map(List.wrap(pids), &to_string/1)]
    {_, 0} = System.cmd("kill", args, stderr_to_stdout: true)
    :ok
  end

  @doc "What a launcher knows of its port program, once that has answered."
  def launcher_info(launcher) do
    eventually(fn ->
      info = GenServer.call(launcher, :info)
      if info.os_pids != %{}, do: info
    end)
  end

  @doc "Nothing of a port program is left: neither it, nor its tree, nor zombies."
  def assert_program_gone(info) do
    eventually(fn -> not Enum.any?(Map.values(info.os_pids), &os_alive?/1) end)
    eventually(fn -> trees_of(info.os_pids.guardian, info.cgroup) == [] end)
    eventually(fn -> zombies_of(info.os_pids.worker) == [] end)
  end

  @doc "A port program that lives on has nothing to do any more."
  def assert_program_idle(info) do
    eventually(fn -> command_groups(info.cgroup) == [] end)
    for {_, pid} <- info.os_pids, do: eventually(fn -> zombies_of(pid) == [] end)
  end

  @doc "Milliseconds from before `event` until none of `pids` lives."
  def gone_after(pids, event) do
    begin = now()
    event.()
    await_gone(pids, begin + 10_000)
    now() - begin
  end

  defp await_gone(pids, deadline) do
    alive = Enum.filter(pids, &os_alive?/1)
    if alive != [] and now() > deadline, do: ExUnit.Assertions.flunk("alive: #{inspect(alive)}")

    if alive != [] do
      receive(after: (1 -> :ok))
      await_gone(alive, deadline)
    end
  end

  @doc "Monotonic milliseconds, with a fraction."
  def now, do: System.monotonic_time(:microsecond) / 1000

  @doc """
  Calls `fun`, which returns milliseconds, `runs` times and prints how they are distributed. The
  median has to be at most `:median`, and the longest at most `:max`.

  A test machine that is starved of CPU says nothing: the whole series is then measured again,
  twice at most. No limit is loosened.
  """
  def within(what, limits, runs, fun), do: within(what, limits, runs, fun, @attempts)

  defp within(what, limits, runs, fun, attempts) do
    times = Enum.sort(for _ <- 1..runs, do: fun.())
    IO.puts("\n  #{what}: #{report(times)}")

    cond do
      median(times) <= limits[:median] and List.last(times) <= limits[:max] -> :ok
      attempts > 1 -> within(what <> " (again)", limits, runs, fun, attempts - 1)
      true -> ExUnit.Assertions.flunk("#{what}: #{report(times)}, allowed: #{inspect(limits)}")
    end
  end

  defp median(times), do: Enum.at(times, div(length(times), 2))

  defp report(times) do
    p90 = Enum.at(times, div(length(times) * 9, 10))

    [min: hd(times), median: median(times), p90: p90, max: List.last(times)]
    |> Enum.map_join(", ", fn {name, ms} -> "#{name} #{Float.round(ms / 1, 1)}" end)
    |> then(&"#{length(times)} runs, ms: #{&1}")
  end
end

defmodule Contained.NastyTree do
  @moduledoc false
  # A command with descendants that do not want to die: none acts on SIGTERM, one has left the
  # session, one is a daemon (double fork), one is stopped.

  alias Contained.{Case, Proc}

  # $0 marks the processes, $1 is the helpers' directory. A helper writes a line when it is set.
  @script """
  trap '' TERM
  "$1/ignore_term" $0 &
  "$1/escape_session" $0 &
  "$1/daemonize" ignore_term $0 &
  "$1/stopped_grandchild" $0 &
  wait
  """
  @lines 4
  @processes 7

  def args(marker), do: ["-c", @script, marker, helpers()]

  # In a second VM there is no Mix to ask.
  defp helpers do
    System.get_env("CONTAINED_HELPERS") || Path.dirname(Case.helper_path("daemonize"))
  end

  @doc "Starts it for the calling process; returns when all its processes are what they shall be."
  def start(opts) do
    marker = Proc.marker()
    {:ok, process} = Contained.start("sh", args(marker), [delay_to_sigkill: 50] ++ opts)
    read(process, @lines)
    {process, marker, pids(marker)}
  end

  defp read(_process, 0), do: :ok

  defp read(process, lines) do
    {:stdout, data} = Contained.Process.next(process, 10_000)
    read(process, lines - count_lines(data))
  end

  @doc "As `start/1`, for a command of another process that forwards its output to this one."
  def await_forwarded(marker) do
    await_lines(@lines)
    pids(marker)
  end

  defp await_lines(0), do: :ok

  defp await_lines(lines) do
    receive do
      {:forwarded, data} -> await_lines(lines - count_lines(data))
    after
      10_000 -> ExUnit.Assertions.flunk("the tree is not complete, #{lines} lines are missing")
    end
  end

  defp count_lines(data), do: length(String.split(data, "\n")) - 1

  defp pids(marker) do
    Case.eventually(fn ->
      pids = Proc.marked(marker)
      if length(pids) == @processes, do: pids
    end)
  end
end

defmodule Contained.Forward do
  @moduledoc false
  # A collectable that sends on what is put into it.
  defstruct [:to]

  defimpl Collectable do
    def into(forward) do
      {forward,
       fn
         forward, {:cont, data} ->
           send(forward.to, {:forwarded, data})
           forward

         forward, _done_or_halt ->
           forward
       end}
    end
  end
end
