defmodule Contained.PortDeathTest do
  # The port program dies or hangs, with callers of every kind and with input on its way: all are
  # told within three seconds, and the next command works.
  use Contained.Case, async: false

  import Contained.Proc

  alias Contained.{Launcher, NastyTree}

  @moduletag :port
  @moduletag timeout: 120_000

  @limits [median: 3_000, max: 3_000]

  defp new_launcher do
    {:ok, launcher} = GenServer.start(Launcher, [])
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    launcher
  end

  ## Callers

  @callers [:cmd, :run, :stream, :await, :next, :write]

  defp call(:cmd, marker, opts), do: Contained.cmd(stubborn(), [marker], opts)
  defp call(:run, marker, opts), do: Contained.run(stubborn(), [marker], opts)

  defp call(:stream, marker, opts) do
    stubborn() |> Contained.stream([marker], opts) |> Enum.to_list()
  rescue
    error in Contained.Error -> {:raised, error.reason}
  end

  defp call(:await, marker, opts), do: Contained.Process.await(start(marker, opts))

  defp call(:next, marker, opts) do
    process = start(marker, opts)
    {:stdout, "ready\n"} = Contained.Process.next(process)
    Contained.Process.next(process)
  end

  # More than pipe and window take, so that it waits.
  defp call(:write, marker, opts) do
    Contained.Process.write(start(marker, opts), :binary.copy("x", 1_000_000))
  end

  defp start(marker, opts) do
    {:ok, process} = Contained.start(stubborn(), [marker], opts)
    process
  end

  defp stubborn, do: helper_path("ignore_term")

  defp told?(:cmd, {_, :launcher_down}), do: true
  defp told?(:run, {:ok, %{reason: :launcher_down}}), do: true
  defp told?(:stream, {:raised, :launcher_down}), do: true
  defp told?(:await, {:ok, %{reason: :launcher_down}}), do: true
  defp told?(:next, {:ended, %{reason: :launcher_down}}), do: true
  defp told?(:write, {:error, :closed}), do: true
  defp told?(_caller, _result), do: false

  # Beside the one that is there already.
  defp start_callers(launcher, marker) do
    callers =
      for caller <- @callers do
        {caller, Task.async(fn -> {call(caller, marker, launcher: launcher), now()} end)}
      end

    eventually(fn -> started(launcher) == length(@callers) + 1 end)
    callers
  end

  defp started(launcher) do
    Enum.count(launcher_info(launcher).commands, & &1.os_pid)
  end

  # With a pipe and a window of input under way, more than 300 KB have to wait.
  defp queue_input(process) do
    {:write, Task.async(fn -> {queue_and_wait(process), now()} end)}
  end

  defp queue_and_wait(process), do: Contained.Process.write(process, :binary.copy("x", 700_000))

  for signal <- ["KILL", "STOP"],
      victims <- [[:worker], [:guardian], [:guardian, :worker]] do
    test "erlexec 4: SIG#{signal} to #{Enum.join(victims, " and ")}" do
      what = "last of the callers told of SIG#{unquote(signal)} to #{inspect(unquote(victims))}"
      within(what, @limits, 1, fn -> death(unquote(signal), unquote(victims)) end)
    end
  end

  defp death(signal, victims) do
    launcher = new_launcher()
    info = launcher_info(launcher)
    marker = marker()
    process = start(marker, launcher: launcher)
    before = start_callers(launcher, marker)
    begin = now()
    kill(signal, Map.values(Map.take(info.os_pids, victims)))
    ms = last_told([queue_input(process) | before]) - begin
    assert {:ok, %{reason: :launcher_down}} = Contained.Process.await(process, 5_000)
    assert {"next\n", 0} = Contained.cmd("echo", ["next"], launcher: launcher)
    eventually(fn -> marked(marker) == [] end)
    assert_program_gone(info)
    GenServer.stop(launcher)
    ms
  end

  defp last_told(callers) do
    for {caller, task} <- callers do
      {result, time} = Task.await(task, 20_000)
      assert told?(caller, result), "#{caller} got #{inspect(result)}"
      time
    end
    |> Enum.max()
  end

  test "a command that is asked for while the program hangs is not lost" do
    within("a command of a program that hangs", @limits, 1, fn ->
      launcher = new_launcher()
      kill("STOP", Map.values(launcher_info(launcher).os_pids))
      begin = now()
      # Sent to the program that hangs, or, when that is gone, to the next one.
      assert {_, status} = Contained.cmd("true", [], launcher: launcher)
      assert status in [:launcher_down, 0]
      ms = now() - begin
      GenServer.stop(launcher)
      ms
    end)
  end

  test "a program that is stopped and goes on within its time is left alone" do
    launcher = new_launcher()
    info = launcher_info(launcher)

    task =
      Task.async(fn ->
        Contained.cmd("sh", ["-c", "read x"], launcher: launcher, timeout: 3_000)
      end)

    eventually(fn -> launcher_info(launcher).sessions == 1 end)
    kill("STOP", info.os_pids.worker)
    eventually(fn -> state(info.os_pids.worker) == "T" end)
    kill("CONT", info.os_pids.worker)
    assert {"", :timeout} = Task.await(task, 20_000)
    assert launcher_info(launcher).os_pids == info.os_pids
    GenServer.stop(launcher)
  end

  defp state(pid) do
    [_, state] = Regex.run(~r/^State:\s+(\w)/m, File.read!("/proc/#{pid}/status"))
    state
  end

  ## Signals that are meant for the VM

  test "muontrap 9: SIGHUP, SIGINT and SIGTERM to the program do no harm" do
    launcher = new_launcher()
    info = launcher_info(launcher)
    {process, marker, pids} = NastyTree.start(launcher: launcher)
    for signal <- ["HUP", "INT", "TERM"], do: kill(signal, Map.values(info.os_pids))
    eventually(fn -> launcher_info(launcher).vm_signals >= 3 end)
    assert {"x\n", 0} = Contained.cmd("echo", ["x"], launcher: launcher)
    assert Enum.sort(marked(marker)) == Enum.sort(pids)
    assert :ok = Contained.Process.stop(process)
    GenServer.stop(launcher)
  end

  ## Many deaths

  # Five deaths in quick succession, after which the back-off would be 400 ms; then the program
  # lives for a second, which counts as healthy.
  @tag :slow
  test "50 port deaths in a minute do not take the application down" do
    launcher = Process.whereis(Launcher)
    begin = now()

    for _ <- 1..10 do
      for n <- 1..5, do: next_death(n)
      assert {"", 0} = eventually(fn -> worked("sleep", ["1.1"]) end)
    end

    IO.puts("\n  50 port deaths in #{round(now() - begin)} ms")
    assert now() - begin <= 60_000
    assert Process.whereis(Launcher) == launcher
    assert List.keymember?(Application.started_applications(), :contained, 0)
    assert {"still here\n", 0} = Contained.cmd("echo", ["still here"])
  end

  defp next_death(n) do
    assert {_, 0} = eventually(fn -> worked("echo", ["#{n}"]) end)
    victim = Enum.at([:worker, :guardian], rem(n, 2))
    kill("KILL", launcher_info(Launcher).os_pids[victim])
  end

  # While a program dies, commands may still be told so.
  defp worked(program, args) do
    case Contained.cmd(program, args) do
      {_, 0} = result -> result
      {_, :launcher_down} -> nil
    end
  end

  test "neither do 50 deaths of the default launcher itself" do
    for _ <- 1..50 do
      launcher = eventually(fn -> Process.whereis(Launcher) end)
      Process.exit(launcher, :kill)
      # Until it is dead, it may still be found under its name.
      eventually(fn -> not Process.alive?(launcher) end)
    end

    eventually(fn -> Process.whereis(Launcher) end)
    assert {"x\n", 0} = Contained.cmd("echo", ["x"])
    assert List.keymember?(Application.started_applications(), :contained, 0)
  end

  ## Both at once: nobody is left to tidy up

  test "guardian and worker are killed together; the next program sweeps" do
    launcher = new_launcher()
    info = launcher_info(launcher)
    {process, marker, pids} = NastyTree.start(launcher: launcher)
    leader = Contained.Process.os_pid(process)

    # PR_SET_PDEATHSIG of the leader; the rest is the next program's.
    ms = gone_after([leader], fn -> kill("KILL", Map.values(info.os_pids)) end)
    assert ms <= 3_000
    {"", 0} = eventually(fn -> worked_with(launcher) end)
    eventually(fn -> not Enum.any?(pids, &os_alive?/1) end)
    assert marked(marker) == []
    assert_program_gone(info)
    GenServer.stop(launcher)
  end

  defp worked_with(launcher) do
    result = Contained.cmd("true", [], launcher: launcher)
    if match?({_, 0}, result), do: result
  end

  test "a sweep does not touch what runs below another launcher" do
    [other, victim] = [new_launcher(), new_launcher()]
    {process, marker, pids} = NastyTree.start(launcher: other)
    {_, dead, _} = NastyTree.start(launcher: victim)
    kill("KILL", Map.values(launcher_info(victim).os_pids))
    eventually(fn -> marked(dead) == [] end)

    # A third one sweeps as well.
    third = new_launcher()
    assert {"x\n", 0} = Contained.cmd("echo", ["x"], launcher: third)
    assert Enum.sort(marked(marker)) == Enum.sort(pids)
    assert File.dir?(launcher_info(other).cgroup)
    assert :ok = Contained.Process.stop(process)
    for launcher <- [other, victim, third], do: GenServer.stop(launcher)
  end
end
