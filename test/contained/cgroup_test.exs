defmodule Contained.CgroupTest do
  # A port program of the test's own, see Contained.FakePort.
  use Contained.Case, async: false

  import Contained.FakePort

  alias Contained.{Cgroup, Error, Launcher}

  @ended %{status: {:exited, 0}, reason: :exit}

  # A session that runs, as the pair that other processes of ours know it by.
  defp session(dir) do
    launcher = start_supervised!(Supervisor.child_spec({Launcher, []}, shutdown: :brutal_kill))
    ref = :erlang.monitor(:process, launcher, alias: :demonitor)
    spec = %{program: "/bin/x", args: ["x"]}
    send(launcher, {:contained, :start, ref, self(), spec})
    greet(dir)
    say(dir, {:started, 1, 42})
    assert_receive {^ref, {:started, 42}}, 5_000
    {launcher, ref}
  end

  # Calls `fun` while the program gives `answers` to the requests as they come; returns its result
  # and the requests.
  defp asking(dir, answers, fun) do
    before = length(controls(dir))
    task = Task.async(fun)

    requests =
      for {answer, n} <- Enum.with_index(answers, before) do
        {id, ref, operation} = control(eventually(fn -> Enum.at(controls(dir), n) end))
        say(dir, {:answer, id, ref, answer})
        operation
      end

    {Task.await(task), requests}
  end

  defp control({:control, id, ref, operation}), do: {id, ref, operation}
  defp control({:sweep, ref}), do: {0, ref, :sweep}

  defp controls(dir), do: Enum.filter(told(dir), &(elem(&1, 0) in [:control, :sweep]))

  # What the port program is asked, of which native functions would spare it most.
  setup do
    Application.put_env(:contained, :native, false)
    on_exit(fn -> Application.delete_env(:contained, :native) end)
    dir = new()
    %{dir: dir, session: session(dir)}
  end

  test "what is done and what is read", %{dir: dir, session: session} do
    for {fun, operation, term, result} <- [
          {&Cgroup.kill/1, :kill, nil, :ok},
          {&Cgroup.threads/1, :threads, [42, 43], {:ok, [42, 43]}},
          {&Cgroup.places/1, :places, [], {:ok, []}},
          {&Cgroup.path/1, :path, "/g/1", {:ok, "/g/1"}},
          {&Cgroup.migrate(&1, 77), {:migrate, 77}, nil, :ok},
          {&Cgroup.get(&1, "cpu.stat"), {:get, "cpu.stat"}, "a 1\n", {:ok, "a 1\n"}},
          {&Cgroup.set(&1, "pids.max", 5), {:set, "pids.max", "5"}, nil, :ok},
          {&Cgroup.set_limits(&1, cpu: 1.5), {:set_limits, [{"cpu", "1.5"}]}, nil, :ok},
          {&Cgroup.limits/1, :limits, [{"pids", "5"}], {:ok, [pids: 5]}}
        ] do
      assert asking(dir, [{:ok, term}], fn -> fun.(session) end) == {result, [operation]}
    end
  end

  test "statistics come by controller", %{dir: dir, session: session} do
    numbers = [{"cpu_usage_us", 5}, {"memory_current", 7}, {"memory_peak", 8}, {"unknown", 1}]
    numbers = numbers ++ [{"populated", 1}, {"frozen", 0}]
    {{:ok, stats}, [:stats]} = asking(dir, [{:ok, numbers}], fn -> Cgroup.stats(session) end)

    assert stats == %{
             cpu: %{usage_us: 5},
             memory: %{current: 7, peak: 8},
             populated: true,
             frozen: false
           }
  end

  test "processes have their arguments as a list", %{dir: dir, session: session} do
    process = %{pid: 5, ppid: 4, start_time: 9, state: "S", name: "sleep", command: "sleep\09\0"}
    answer = {:ok, [process, %{process | pid: 6, command: ""}]}
    {{:ok, [one, two]}, _} = asking(dir, [answer], fn -> Cgroup.processes(session) end)
    assert one == %{process | command: ["sleep", "9"]}
    assert two.command == []
    assert {true, _} = asking(dir, [answer], fn -> Cgroup.member?(session, 6) end)
    assert {false, _} = asking(dir, [answer], fn -> Cgroup.member?(session, 7) end)
  end

  test "pressure is of what there is", %{dir: dir, session: session} do
    text =
      "some avg10=1.50 avg60=0.00 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 " <>
        "avg300=0.00 total=3\n"

    missing = {:error, :cgroup, :enoent, "memory.pressure"}
    answers = [{:ok, text}, missing, missing]
    {{:ok, pressure}, _} = asking(dir, answers, fn -> Cgroup.pressure(session) end)
    assert %{cpu: %{some: %{avg10: 1.5, total: 12}, full: %{total: 3}}} = pressure
    assert map_size(pressure) == 1

    {{:error, error}, requests} =
      asking(dir, [missing, missing, missing], fn -> Cgroup.pressure(session) end)

    assert %Error{stage: :cgroup, reason: :enoent} = error
    assert requests == for(name <- ~w(cpu memory io), do: {:get, name <> ".pressure"})
  end

  test "row 141: memory by node, of both versions", %{dir: dir, session: session} do
    for {text, numa} <- [
          {"anon N0=4096 N1=0\nfile N0=8192 N1=1\n",
           %{"anon" => %{0 => 4096, 1 => 0}, "file" => %{0 => 8192, 1 => 1}}},
          {"total=5 N0=5\nfile=0 N0=0\n", %{"total" => %{0 => 5}, "file" => %{0 => 0}}}
        ] do
      assert {{:ok, ^numa}, [{:get, "memory.numa_stat"}]} =
               asking(dir, [{:ok, text}], fn -> Cgroup.numa(session) end)
    end
  end

  test "freezing is over when the kernel says so", %{dir: dir, session: session} do
    answers = [{:ok, nil}, {:ok, [{"frozen", 0}]}, {:ok, [{"frozen", 1}]}]
    assert {:ok, requests} = asking(dir, answers, fn -> Cgroup.freeze(session) end)
    assert requests == [:freeze, :stats, :stats]
    answers = [{:ok, nil}, {:ok, [{"frozen", 1}]}, {:ok, [{"frozen", 0}]}]
    assert {:ok, [:thaw, :stats, :stats]} = asking(dir, answers, fn -> Cgroup.thaw(session) end)
  end

  test "what is refused is an error with its key", %{dir: dir, session: session} do
    answer = {:error, :limit, :enotsup, "memory"}
    set = fn -> Cgroup.set_limits(session, memory: 1) end
    assert {{:error, error}, _} = asking(dir, [answer], set)
    assert %Error{stage: :limit, reason: :enotsup, key: :memory, subject: "memory"} = error
    assert Exception.message(error) =~ "on_unsupported: :ignore"
  end

  test "a request that the program does not understand", %{dir: dir, session: session} do
    task = Task.async(fn -> Cgroup.path(session) end)
    eventually(fn -> controls(dir) != [] end)
    say(dir, {:refused, 1, :control, :bad_request})
    assert {:error, %Error{stage: :option, reason: :einval}} = Task.await(task)
  end

  test "a command that has ended", %{dir: dir, session: {_, ref} = session} do
    task = Task.async(fn -> Cgroup.stats(session) end)
    eventually(fn -> controls(dir) != [] end)
    say(dir, {:ended, 1, @ended})
    assert {:error, %Error{reason: :esrch} = error} = Task.await(task)
    assert Exception.message(error) == "cannot reach the command: the command has ended (:esrch)"
    assert_receive {^ref, {:ended, _}}
    assert {:error, %Error{reason: :esrch}} = Cgroup.freeze(session)
    assert Cgroup.member?(session, 42) == false
  end

  test "a launcher that has ended", %{session: {_, ref}} do
    {pid, monitor} = spawn_monitor(fn -> :ok end)
    assert_receive {:DOWN, ^monitor, _, _, _}
    assert {:error, %Error{reason: :esrch}} = Cgroup.path({pid, ref})
    assert {:error, %Error{stage: :launcher, reason: :launcher_down}} = Cgroup.info(pid)
    assert {:error, %Error{stage: :launcher, reason: :noproc}} = Cgroup.info(Nobody)
  end

  test "what is no name, no pid and no value", %{session: session} do
    for file <- ["../x", "tasks", "cgroup.procs", "memory.max\n"] do
      assert_raise ArgumentError, ~r/invalid name of a control group's file/, fn ->
        Cgroup.set(session, file, 1)
      end
    end

    assert_raise ArgumentError, ~r/invalid name/, fn -> Cgroup.get(session, "tasks") end
    assert_raise ArgumentError, ~r/invalid value/, fn -> Cgroup.set(session, "pids.max", "") end

    assert_raise ArgumentError, ~r/invalid limits: unk/, fn ->
      Cgroup.set_limits(session, a: 1)
    end

    assert_raise FunctionClauseError, fn -> Cgroup.migrate(session, 1) end
  end

  describe "a launcher" do
    test "is asked what it can do, before and after it has started", %{dir: dir} do
      spec = Supervisor.child_spec({Launcher, []}, id: :other, shutdown: :brutal_kill)
      launcher = start_supervised!(spec)
      task = Task.async(fn -> Cgroup.info(launcher) end)
      eventually(fn -> length(pids(dir)) == 2 end)
      greet(dir)
      assert {:ok, info} = Task.await(task)
      assert info == %{containment: :none, cgroup: "", limits: [], refused: []}
      assert Cgroup.info(launcher) == {:ok, info}
    end

    test "sweeps", %{dir: dir, session: {launcher, _}} do
      assert {{:ok, 2}, [:sweep]} = asking(dir, [{:ok, 2}], fn -> Cgroup.sweep(launcher) end)
      assert [{:sweep, _} | _] = Enum.reverse(controls(dir))
    end

    test "whose program goes down meanwhile", %{dir: dir, session: {launcher, _}} do
      task = Task.async(fn -> Cgroup.sweep(launcher) end)
      eventually(fn -> controls(dir) != [] end)
      System.cmd("kill", ["-KILL", "#{List.last(pids(dir))}"])
      assert {:error, %Error{stage: :launcher, reason: :launcher_down}} = Task.await(task)
    end

    test "that has no program to start" do
      use_program("/nowhere/contained_port")
      spec = Supervisor.child_spec({Launcher, []}, id: :other, shutdown: :brutal_kill)
      launcher = start_supervised!(spec)
      assert {:error, %Error{stage: :launcher, reason: :enoent}} = Cgroup.info(launcher)
      assert {:error, %Error{stage: :launcher, reason: :enoent}} = Cgroup.sweep(launcher)
      assert {:error, %Error{stage: :launcher}} = Cgroup.info(:dedicated)
    end
  end
end
