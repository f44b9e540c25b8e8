defmodule Contained.EscapeTest do
  # Commands that try to outlive their end, and the ways to bring it about: ladders, `:signal_to`,
  # `:linger`.
  use Contained.Case, async: false

  import Contained.Proc

  alias Contained.{Launcher, NastyTree}
  alias Contained.Process, as: Command

  @moduletag :port
  @moduletag timeout: 120_000

  @root match?({"0\n", 0}, System.cmd("id", ["-u"]))
  unless @root, do: IO.puts("SKIPPED: escapes to another control group, they need root")

  setup do
    launcher = start_supervised!({Launcher, []})
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    %{launcher: launcher}
  end

  defp sh(script, args, opts) do
    {:ok, process} = Contained.start("sh", ["-c", script | args], [stderr: :discard] ++ opts)
    process
  end

  defp timed(fun) do
    begin = now()
    result = fun.()
    {now() - begin, result}
  end

  ## Other control groups

  defp foreign_group(launcher) do
    base = Path.dirname(launcher_info(launcher).cgroup)
    path = Path.join(base, "contained-test-#{System.pid()}-#{System.unique_integer([:positive])}")
    File.mkdir!(path)
    on_exit(fn -> eventually(fn -> File.rmdir(path) == :ok end) end)
    Path.join(path, "cgroup.procs")
  end

  # $0 marks the processes, $1 is a helper, $2 the foreign group.
  @escapes %{
    "the leader" => ~S(echo $$ > $2; "$1" $0; true),
    "the leader, which ignores SIGTERM" => ~S(trap "" TERM; echo $$ > $2; "$1" $0; true),
    "a child" => ~S["$1" $0 & echo $! > $2; wait],
    "a daemon" => ~S[(setsid "$1" $0 & echo $! > $2); exec sleep 300]
  }

  for {who, script} <- @escapes do
    @tag skip: not @root && "needs root"
    test "#{who} has moved to another control group", %{launcher: launcher} do
      procs = foreign_group(launcher)
      marker = marker()
      args = [marker, helper_path("ignore_term"), procs]
      process = sh(unquote(script), args, launcher: launcher, delay_to_sigkill: 50)
      read_until(process, "ready\n")
      eventually(fn -> File.read!(procs) != "" end)
      assert :ok = Command.stop(process)
      # What is found only when its parent is dead may take a moment longer.
      eventually(fn -> marked(marker) == [] end, 1_000)
      refute os_alive?(Command.os_pid(process))
      assert_program_idle(launcher_info(launcher))
    end
  end

  @tag skip: not @root && "needs root"
  test "what has moved to another group dies with the launcher, too", %{launcher: launcher} do
    procs = foreign_group(launcher)
    marker = marker()
    args = [marker, helper_path("ignore_term"), procs]
    process = sh(~S["$1" $0 & echo $! > $2; wait], args, launcher: launcher)
    read_until(process, "ready\n")
    eventually(fn -> File.read!(procs) != "" end)
    kill("KILL", launcher_info(launcher).os_pids.worker)
    eventually(fn -> marked(marker) == [] end)
  end

  ## Those that multiply

  test "a fork bomb of processes that ignore SIGTERM is gone within a second", context do
    marker = marker()
    args = ["200", "ignore_term", marker]
    opts = [launcher: context.launcher, delay_to_sigkill: 50]
    {:ok, process} = Contained.start(helper_path("fork_bomb"), args, opts)
    read_until(process, "ready\n")
    {ms, :ok} = timed(fn -> Command.stop(process) end)
    IO.puts("\n  fork bomb of 200: #{round(ms)} ms")
    assert marked(marker) == []
    assert ms <= 1_000
  end

  test "a chain of processes that fork and exit is gone within a second", %{launcher: launcher} do
    marker = marker()
    args = ["60000", "500", marker]
    opts = [launcher: launcher, delay_to_sigkill: 50, linger: :leave, stderr: :discard]
    {:ok, process} = Contained.start(helper_path("hopper"), args, opts)
    read_until(process, "ready\n")
    {ms, :ok} = timed(fn -> Command.stop(process) end)
    IO.puts("\n  hopper: #{round(ms)} ms")
    assert marked(marker) == []
    assert ms <= 1_000
  end

  test "muontrap 7, M3: the child of bash -c 'sleep; true' goes with it", %{launcher: launcher} do
    marker = marker()
    args = ["-c", ~S("$1" $0; true), marker, helper_path("ignore_term")]
    assert {"ready\n", :timeout} = Contained.cmd("sh", args, short(launcher, timeout: 1_000))
    assert marked(marker) == []
  end

  defp short(launcher, opts), do: [launcher: launcher, delay_to_sigkill: 50] ++ opts

  test "M2: the members of a group are killed together", %{launcher: launcher} do
    within("M2: stop of 7 stubborn processes", [median: 100, max: 1_000], 20, fn ->
      {process, marker, _pids} = NastyTree.start(launcher: launcher)
      {ms, :ok} = timed(fn -> Command.stop(process) end)
      assert marked(marker) == []
      ms
    end)
  end

  @tag skip: Contained.Needs.groups()
  test "D2, D4: a stopped command leaves an empty group", %{launcher: launcher} do
    {process, marker, _pids} = NastyTree.start(launcher: launcher)
    info = launcher_info(launcher)
    assert [_] = command_groups(info.cgroup)
    assert :ok = Command.stop(process)
    assert command_groups(info.cgroup) == []
    assert marked(marker) == []
    assert {:ok, %{reason: :stopped, unkilled: 0}} = Command.await(process, 1_000)
  end

  test "muontrap 10: a command that stops itself hangs nobody", %{launcher: launcher} do
    args = ["-c", "kill -STOP $$"]
    assert {"", :timeout} = Contained.cmd("sh", args, short(launcher, timeout: 300))
    process = sh("kill -STOP $$", [], short(launcher, []))
    {ms, :ok} = timed(fn -> Command.stop(process) end)
    assert ms <= 1_000
    assert {:ok, %{reason: :stopped}} = Command.await(process, 1_000)
  end

  ## Neighbours

  test "erlexec 1: a command that closes its stdin is its own affair", %{launcher: launcher} do
    {neighbour, marker, pids} = NastyTree.start(launcher: launcher)
    {:ok, process} = Contained.start(helper_path("close_stdin"), [], short(launcher, []))
    read_until(process, "ready\n")
    assert {:error, :epipe} = eventually(fn -> refused(process) end)
    assert Enum.sort(marked(marker)) == Enum.sort(pids)
    for process <- [process, neighbour], do: assert(:ok = Command.stop(process))
  end

  # What is written before the worker has found out is accepted.
  defp refused(process) do
    answer = Command.write(process, "x")
    if answer != :ok, do: answer
  end

  test "erlexec 2: SIGKILL to all of a command is to that command", %{launcher: launcher} do
    {neighbour, marker, pids} = NastyTree.start(launcher: launcher)
    {process, killed, _} = NastyTree.start(launcher: launcher)
    os_pids = launcher_info(launcher).os_pids
    assert :ok = Command.signal(process, :kill, :all)
    assert {:ok, %{reason: :signal, exit: {:signaled, 9, _}}} = Command.await(process, 5_000)
    assert marked(killed) == []
    assert Enum.sort(marked(marker)) == Enum.sort(pids)
    assert launcher_info(launcher).os_pids == os_pids
    assert :ok = Command.stop(neighbour)
  end

  ## Ladders

  test "who obeys SIGTERM is not waited for any longer", %{launcher: launcher} do
    opts = [launcher: launcher, delay_to_sigkill: 20_000]
    {:ok, process} = Contained.start(helper_path("slow_term"), ["100"], opts)
    read_until(process, "ready\n")
    {ms, :ok} = timed(fn -> Command.stop(process) end)
    assert ms >= 100 and ms < 5_000
    assert {:ok, %{exit: {:exited, 0}, reason: :stopped}} = Command.await(process, 1_000)
  end

  test "erlexec 6: a launcher is shut down as fast as its commands end", %{launcher: launcher} do
    {:ok, process} =
      Contained.start("sleep", ["300"], launcher: launcher, delay_to_sigkill: 20_000)

    {ms, :ok} = timed(fn -> stop_supervised!(Launcher) end)
    assert ms < 5_000
    assert {:ok, %{exit: {:signaled, 15, _}, reason: :stopped}} = Command.await(process, 1_000)
  end

  # A shell runs its traps when the program it waits for has ended, or in `wait`.
  @tells_signals "trap 'echo int' INT; trap 'echo term; exit 3' TERM; sleep 300 & echo ready; " <>
                   "while :; do wait; done"

  test "a ladder goes up rung by rung, until it is obeyed", %{launcher: launcher} do
    ladder = [{:int, 200}, {:term, 20_000}]
    process = sh(@tells_signals, [], launcher: launcher, stop_signal: ladder, signal_to: :leader)
    read_until(process, "ready\n")
    {ms, :ok} = timed(fn -> Command.stop(process) end)
    assert {:ok, result} = Command.await(process, 1_000)
    assert {result.stdout, result.exit} == {"int\nterm\n", {:exited, 3}}
    assert ms >= 200 and ms < 10_000
  end

  test "a ladder that is given to stop/2 counts", %{launcher: launcher} do
    process = sh(@tells_signals, [], launcher: launcher, delay_to_sigkill: 20_000)
    read_until(process, "ready\n")
    assert :ok = Command.stop(process, [])
    assert {:ok, %{stdout: "", exit: {:signaled, 9, _}}} = Command.await(process, 1_000)
  end

  @family "trap 'echo leader' TERM; sh -c 'trap \"echo child\" TERM; echo ready; while :; do sleep 0.01; done' & " <>
            "while :; do wait; done"

  for {target, said} <- [all: ["child", "leader"], leader: ["leader"]] do
    test "signal_to: #{inspect(target)}", %{launcher: launcher} do
      opts = [launcher: launcher, delay_to_sigkill: 500, signal_to: unquote(target)]
      process = sh(@family, [], opts)
      read_until(process, "ready\n")
      assert :ok = Command.stop(process)
      assert {:ok, %{stdout: stdout}} = Command.await(process, 1_000)
      assert stdout |> String.split() |> Enum.sort() == unquote(said)
    end
  end

  ## Leftovers of a command that has exited by itself

  @leftover ~S("$1" $0 >/dev/null & echo hi)

  defp leave(linger, launcher) do
    marker = marker()
    args = ["-c", @leftover, marker, helper_path("ignore_term")]
    {ms, result} = timed(fn -> Contained.cmd("sh", args, short(launcher, linger: linger)) end)
    assert {"hi\n", 0} = result
    assert ms < 5_000
    marker
  end

  test "linger: :wait and :kill leave nobody", %{launcher: launcher} do
    for linger <- [:wait, :kill], do: assert(marked(leave(linger, launcher)) == [])
    assert_program_idle(launcher_info(launcher))
  end

  test "linger: :wait waits for the end of stdout, :kill does not", %{launcher: launcher} do
    hold = helper_path("hold_stdout")
    assert {"early\nlate\n", 0} = Contained.cmd(hold, ["300"], launcher: launcher)
    assert {"early\n", 0} = Contained.cmd(hold, ["60000"], launcher: launcher, linger: :kill)
  end

  test "linger: :leave leaves them, until the launcher ends", %{launcher: launcher} do
    marker = leave(:leave, launcher)
    assert [_] = marked(marker)
    assert {"x\n", 0} = Contained.cmd("echo", ["x"], launcher: launcher)
    assert [_] = marked(marker)
    stop_supervised!(Launcher)
    assert marked(marker) == []
  end

  test "linger: :leave leaves them, until the launcher is killed", %{launcher: launcher} do
    marker = leave(:leave, launcher)
    assert [_] = marked(marker)
    Process.exit(launcher, :kill)
    eventually(fn -> marked(marker) == [] end)
  end
end
