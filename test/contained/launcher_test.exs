defmodule Contained.LauncherTest do
  # A port program of the test's own, see Contained.FakePort.
  use Contained.Case, async: false

  import Contained.FakePort

  alias Contained.{Error, Launcher}

  @ended %{status: {:exited, 0}, reason: :exit}

  # The fake program does not end when it is asked to, so no test waits for that but those that
  # are about it.
  defp launch(opts \\ [], shutdown \\ :brutal_kill) do
    start_supervised!(Supervisor.child_spec({Launcher, opts}, shutdown: shutdown))
  end

  defp started(dir, n \\ 1) do
    told = fn -> Enum.filter(told(dir), &match?({:start, _, _}, &1)) end
    eventually(fn -> length(told.()) >= n end)
    {:start, id, spec} = Enum.at(told.(), n - 1)
    {id, spec}
  end

  defp frames(dir, kind), do: Enum.filter(told(dir), &(elem(&1, 0) == kind))

  describe "a conversation" do
    test "the program is opened with the first command, which it gets whole" do
      dir = new()
      launcher = launch()
      assert pids(dir) == []
      task = collect(launcher, %{cd: "/srv", env: [{"A", "1"}], window: 9})
      assert {1, spec} = started(dir)
      assert %{program: "/bin/x", args: ["x"], cd: "/srv", env: [{"A", "1"}], window: 9} = spec
      assert [{:hello, 1} | _] = told(dir)

      greet(dir)
      say(dir, {:started, 1, 42})
      say_bytes(dir, <<131, 104, 4, 119, 6, "output", 98, 1::32, 97, 1, 109, 2::32, "hi">>)
      say(dir, {:closed, 1, :stdout})
      say(dir, {:ended, 1, @ended})
      assert Task.await(task) == {"hi", {:ended, 42, @ended}}
    end

    test "sessions have ids of their own and do not meet" do
      dir = new()
      launcher = launch()
      one = collect(launcher, %{program: "/one"})
      {first, %{program: "/one"}} = started(dir, 1)
      two = collect(launcher, %{program: "/two"})
      {second, %{program: "/two"}} = started(dir, 2)
      assert first != second
      say(dir, {:started, second, 2})
      say(dir, {:failed, first, :exec, :eacces, "/one"})
      assert {"", {:failed, %Error{reason: :eacces, stage: :exec}}} = Task.await(one)
      say(dir, {:ended, second, @ended})
      assert {"", {:ended, 2, @ended}} = Task.await(two)
    end

    test "what changed in the VM's environment goes before what the command wants" do
      dir = new()
      launcher = launch()
      collect(launcher)
      started(dir, 1)
      on_exit(fn -> System.delete_env("CONTAINED_TEST_VARIABLE") end)
      System.put_env("CONTAINED_TEST_VARIABLE", "late")
      collect(launcher, %{env: [{"A", "1"}]})
      assert {_, %{env: [{"CONTAINED_TEST_VARIABLE", "late"}, {"A", "1"}]}} = started(dir, 2)
      collect(launcher, %{env: [{"A", "1"}], clear_env: true})
      assert {_, %{env: [{"A", "1"}]}} = started(dir, 3)
    end

    test "a command of more than 8 MiB is refused without being sent" do
      dir = new()
      launcher = launch()
      task = collect(launcher, %{args: ["x", :binary.copy("x", 9_000_000)]})
      assert {"", {:failed, %Error{stage: :exec, reason: :e2big}}} = Task.await(task)
      assert frames(dir, :start) == []
    end

    test "the owner's death stops its command" do
      dir = new()
      launcher = launch()
      task = collect(launcher)
      {id, _} = started(dir)
      Task.shutdown(task, :brutal_kill)
      assert {:stop, ^id, :default} = wait_until_told(dir, &match?({:stop, _, _}, &1))
    end

    test "what a signal does to the VM is counted, and nothing is stopped" do
      dir = new()
      launcher = launch()
      collect(launcher)
      started(dir)
      say(dir, {:vm_signal, 15})
      eventually(fn -> GenServer.call(launcher, :info).vm_signals == 1 end)
      assert frames(dir, :stop) == []
    end
  end

  describe "the end of the port program" do
    test "is told to all at once, and the next command gets a new one" do
      dir = new()
      launcher = launch()
      tasks = for _ <- 1..3, do: collect(launcher)
      started(dir, 3)
      greet(dir)
      [pid] = pids(dir)
      say(dir, {:started, 2, 42})
      eventually(fn -> Enum.any?(GenServer.call(launcher, :info).commands, & &1.os_pid) end)
      System.cmd("kill", ["-KILL", "#{pid}"])
      outcomes = for {"", {:launcher_down, pid}} <- Task.await_many(tasks), do: pid
      assert Enum.sort(outcomes) == [42, nil, nil]

      eventually(fn -> length(pids(dir)) == 2 end)
      task = collect(launcher)
      {id, _} = started(dir)
      say(dir, {:failed, id, :exec, :enoent, "/bin/x"})
      assert {"", {:failed, _}} = Task.await(task)
    end

    test "again and again does not end the launcher" do
      new("#!/bin/sh\nexit 3\n")
      launcher = launch()
      for _ <- 1..5, do: assert({"", {:launcher_down, nil}} = Task.await(collect(launcher)))
      assert Process.alive?(launcher)
    end

    test "a silent program is pinged twice, then killed" do
      dir = new()
      launcher = launch(heartbeat: 40)
      task = collect(launcher)
      started(dir)
      greet(dir)
      [pid] = pids(dir)
      assert {"", {:launcher_down, nil}} = Task.await(task)
      eventually(fn -> not os_alive?(pid) end)
    end

    # It has the groups to empty, which on a busy machine takes longer than anybody waits.
    test "the guardian of a killed worker is left alone" do
      dir = new()
      launcher = launch(heartbeat: 40)
      task = collect(launcher)
      started(dir)
      sleeper = Port.open({:spawn_executable, "/bin/sleep"}, args: ["60"])
      {:ok, {guardian, _} = identity} = Contained.Port.identity(sleeper)
      [pid] = pids(dir)
      info = %{version: "0", guardian: identity, worker: {pid, 1}, containment: :none}
      say(dir, {:hello, 1, Map.merge(info, %{cgroup: "", refused: []})})
      assert {"", {:launcher_down, nil}} = Task.await(task)
      eventually(fn -> not os_alive?(pid) end)
      assert os_alive?(guardian)
      System.cmd("kill", ["#{guardian}"])
    end

    test "a silent program that never greeted is killed as well" do
      dir = new()
      launcher = launch(heartbeat: 40)
      task = collect(launcher)
      started(dir)
      [pid] = pids(dir)
      assert {"", {:launcher_down, nil}} = Task.await(task)
      eventually(fn -> not os_alive?(pid) end)
    end

    test "a program that answers is left alone; without commands it is not even asked" do
      dir = new()
      launcher = launch(heartbeat: 200)
      task = collect(launcher)
      {id, _} = started(dir)
      greet(dir)

      for n <- 1..3 do
        assert {:ping, n} == wait_until_told(dir, &(&1 == {:ping, n}))
        say(dir, {:pong, n})
      end

      say(dir, {:ended, id, @ended})
      assert {"", {:ended, _, _}} = Task.await(task)
      eventually(fn -> :sys.get_state(launcher).tick == nil end)
    end

    test "a program that talks nonsense is killed" do
      dir = new()
      launcher = launch()
      task = collect(launcher)
      started(dir)
      greet(dir)
      [pid] = pids(dir)
      say_bytes(dir, "nonsense")
      assert {"", {:launcher_down, nil}} = Task.await(task)
      eventually(fn -> not os_alive?(pid) end)
    end

    test "a program of another version is not used" do
      dir = new()
      launcher = launch()
      task = collect(launcher)
      started(dir)
      [pid] = pids(dir)
      say(dir, {:hello, 2, %{}})
      assert {"", {:launcher_down, nil}} = Task.await(task)
      eventually(fn -> not os_alive?(pid) end)
    end
  end

  describe "without a port program" do
    test "each command says so, until there is one" do
      dir = new()
      program = Path.join(dir, "fake_port")
      File.rename!(program, program <> ".away")
      launcher = launch()

      for _ <- 1..2 do
        assert {"", {:failed, error}} = Task.await(collect(launcher))
        assert %Error{stage: :launcher, reason: :enoent} = error
        assert error.subject =~ program
      end

      File.rename!(program <> ".away", program)
      collect(launcher)
      assert {_, _} = started(dir)
    end
  end

  describe "shutting down" do
    test "the program is asked, and what it still says reaches the callers" do
      dir = new()
      {:ok, launcher} = GenServer.start(Launcher, [])
      task = collect(launcher)
      {id, _} = started(dir)
      greet(dir)
      [pid] = pids(dir)
      stopper = Task.async(fn -> GenServer.stop(launcher) end)
      wait_until_told(dir, &match?({:shutdown}, &1))

      late = collect(launcher)
      assert {"", {:failed, %Error{stage: :launcher, reason: :eshutdown}}} = Task.await(late)

      say(dir, {:ended, id, %{@ended | reason: :stopped}})
      assert {"", {:ended, nil, %{reason: :stopped}}} = Task.await(task)
      System.cmd("kill", ["-TERM", "#{pid}"])
      assert :ok = Task.await(stopper)
    end

    test "a program that does not end is killed" do
      dir = new()
      launcher = launch([], 5_000)
      task = collect(launcher, %{stop: []})
      started(dir)
      greet(dir)
      [pid] = pids(dir)
      stop_supervised!(Launcher)
      assert {"", {:launcher_down, nil}} = Task.await(task)
      eventually(fn -> not os_alive?(pid) end)
    end
  end

  describe "a dedicated launcher" do
    defp launcher_of(caller) do
      {:monitors, [process: launcher]} = Process.info(caller, :monitors)
      launcher
    end

    test "is there for one command, and leaves a trapping caller in peace" do
      dir = new()
      test = self()

      caller =
        spawn_link(fn ->
          Process.flag(:trap_exit, true)
          command = %Contained.Command{spec: %{program: "/bin/x", args: ["x"]}}
          command = %{command | launcher: :dedicated}
          outcome = Contained.Session.collect(command, "", fn acc, _, _ -> acc end)
          send(test, {:outcome, outcome, Process.info(self(), [:messages, :monitors, :links])})
        end)

      {id, _} = started(dir)
      greet(dir)
      [pid] = pids(dir)
      launcher = launcher_of(caller)
      monitor = Process.monitor(launcher)
      say(dir, {:ended, id, @ended})
      assert_receive {:outcome, {"", {:ended, nil, @ended}}, info}, 5_000
      assert info == [messages: [], monitors: [], links: [test]]
      wait_until_told(dir, &match?({:shutdown}, &1))
      assert_receive {:DOWN, ^monitor, _, _, :normal}, 5_000
      eventually(fn -> not os_alive?(pid) end)
    end

    test "ends with its caller" do
      dir = new()
      task = collect(:dedicated)
      {id, _} = started(dir)
      greet(dir)
      launcher = launcher_of(task.pid)
      monitor = Process.monitor(launcher)
      Task.shutdown(task, :brutal_kill)
      wait_until_told(dir, &match?({:stop, ^id, :default}, &1))
      say(dir, {:ended, id, @ended})
      assert_receive {:DOWN, ^monitor, _, _, :normal}, 5_000
    end

    test "whose caller dies before the command ends too" do
      {owner, _} = spawn_monitor(fn -> receive(do: (:end -> :ok)) end)
      {:ok, launcher} = GenServer.start(Launcher, owner: owner)
      monitor = Process.monitor(launcher)
      send(owner, :end)
      assert_receive {:DOWN, ^monitor, _, _, :normal}
    end
  end

  describe "options" do
    test "a name makes a launcher of its own" do
      assert %{id: Some.Name, shutdown: 30_000} = Launcher.child_spec(name: Some.Name)
      launcher = launch(name: Some.Name)
      assert Launcher.find(Some.Name) == {:ok, launcher}
      assert Launcher.find(Other.Name) == {:error, :noproc}
    end

    test "the base of the control groups is an argument of the program" do
      dir = new("#!/bin/sh\necho \"$@\" >\"$(dirname \"$0\")/down\"\n")
      Task.await(collect(launch(cgroup_base: "/sys/fs/cgroup/my base")))
      assert File.read!(Path.join(dir, "down")) == "--cgroup-base /sys/fs/cgroup/my base\n"
    end

    test "what commands are contained by, too" do
      dir = new("#!/bin/sh\necho \"$@\" >\"$(dirname \"$0\")/down\"\n")
      down = fn -> File.read!(Path.join(dir, "down")) end
      Task.await(collect(launch(containment: :required, take_over: true)))
      assert down.() == "--containment required --take-over\n"
      stop_supervised!(Launcher)
      Task.await(collect(launch(containment: :auto, take_over: false)))
      assert down.() == "\n"
    end

    test "wrong ones raise" do
      for opts <-
            [[nonsense: 1], [heartbeat: 0], [cgroup_base: :a], [:name]] ++
              [[containment: :v2], [containment: nil], [take_over: 1]] do
        assert_raise ArgumentError, ~r/invalid option/, fn -> Launcher.start_link(opts) end
      end
    end
  end

  test "messages of strangers are ignored" do
    launcher = launch()
    send(launcher, :nonsense)
    send(launcher, {self(), {:data, "nonsense"}})
    assert %{sessions: 0} = GenServer.call(launcher, :info)
  end
end
