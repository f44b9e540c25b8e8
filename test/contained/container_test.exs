defmodule Contained.ContainerTest do
  use Contained.Case, async: true

  alias Contained.{Container, Error, Process, Result}

  @moduletag :port
  # Supervisors tell of parents that were killed.
  @moduletag :capture_log

  # Each has a launcher of its own: what is left in its groups is seen.
  setup context do
    launcher = start_supervised!({Contained.Launcher, name: context.test})
    {:ok, info} = Contained.Cgroup.info(launcher)
    %{launcher: launcher, groups?: info.containment != :best_effort, has: info.limits}
  end

  defp start(context, opts \\ []) do
    defaults = [launcher: context.launcher, poll_interval: 50, subscribers: self()]
    opts = Keyword.merge(defaults, opts)
    start_supervised!({Container, Keyword.put_new(opts, :name, "box")}, restart: :temporary)
  end

  # Without what it needs there is nothing to see.
  defp unless_missing(context, keys, fun) do
    missing = keys -- [:groups | context.has]
    missing = if context.groups?, do: missing, else: [:groups | missing]

    if missing == [],
      do: fun.(),
      else: IO.puts("SKIPPED: #{context.test} needs #{inspect(missing)}")
  end

  defp await_event(container, event, timeout \\ 10_000) do
    timeout = within(timeout)
    assert_receive {:contained, ^container, ^event, details}, timeout
    details
  end

  defp sleeper(container, opts \\ []) do
    {:ok, process} =
      Container.start(container, "sh", ["-c", "setsid sleep 1000 & echo up; wait"], opts)

    {:stdout, "up\n"} = Process.next(process)
    process
  end

  test "commands run in the one group", context do
    container = start(context, group: "web")
    assert %{path: "web/box", mode: mode} = Container.info(container)
    assert mode == if(context.groups?, do: :groups, else: :sessions)
    assert {"hi\n", 0} = Container.cmd(container, "echo", ["hi"])
    assert {:ok, %Result{status: 3}} = Container.run(container, "sh", ["-c", "exit 3"])
    refute Container.running?(container)
    process = sleeper(container)
    assert {:ok, [%{registered: true, children: [_ | _]} = root]} = Container.tree(container)
    assert root.pid == Process.os_pid(process)
    assert Container.member?(container, root.pid)
    refute Container.member?(container, 1)
    assert Container.running?(container)
    {:ok, path} = Container.path(container)
    assert path == "" or String.ends_with?(path, "/web/box")
  end

  @tag :modes
  test "whatever is in it dies with a stop, and nothing is left", context do
    container = start(context)
    pids = for _ <- 1..3, do: container |> sleeper() |> Process.os_pid()
    {:ok, all} = Container.processes(container)
    {:ok, path} = Container.path(container)
    assert :ok = Container.stop(container)
    refute Enum.any?(Enum.map(all, & &1.pid) ++ pids, &os_alive?/1)
    assert path == "" or not File.exists?(path)
    assert await_event(container, :stopped) == %{reason: :normal}

    assert {:error, %Error{stage: :container, reason: :noproc}} =
             Container.run(container, "true", [])
  end

  test "commands end by their ladders, or by that of the stop", context do
    container = start(context)
    script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    {:ok, one} = Container.start(container, "sh", ["-c", script], delay_to_sigkill: 60_000)
    assert {:stdout, "up\n"} = Process.next(one)
    assert :ok = Container.stop(container)
    assert {:ok, %Result{stdout: "bye\n", reason: :stopped}} = Process.await(one)
    other = start(context, name: "other")
    process = sleeper(other)
    assert :ok = Container.stop(other, [])
    assert {:ok, %Result{exit: {:signaled, 9, _}}} = Process.await(process)
  end

  @tag :modes
  test "a container that is killed takes its contents along, and its name is free again",
       context do
    container = start(context)
    process = sleeper(container)
    {:ok, all} = Container.processes(container)
    Elixir.Process.exit(container, :kill)
    assert {:ok, %Result{reason: :stopped}} = Process.await(process)
    again = start(Map.put(context, :again, true))
    refute Enum.any?(all, &os_alive?(&1.pid))
    assert {"", 0} = Container.cmd(again, "true", [])
  end

  test "two of the same name", context do
    start(context)

    assert {:error, %Error{stage: :container, reason: :ebusy} = error} =
             GenServer.start(
               Container.Server,
               Container.Config.new(launcher: context.launcher, name: "box")
             )

    assert Exception.message(error) =~ "Another container of this launcher"
  end

  test "members that nobody registered are told of, and found", context do
    container = start(context)

    {:ok, process} =
      Container.start(container, "sh", ["-c", "sleep 1000 & read x; kill $!; wait; read y"])

    os_pid = Process.os_pid(process)
    assert %{os_pid: ^os_pid, registered: true} = await_event(container, :process_joined)

    assert %{registered: false, os_pid: sleep} = await_event(container, :process_joined)

    :ok = Process.write(process, "\n")
    assert %{os_pid: ^sleep, registered: false} = await_event(container, :process_exited)
    :ok = Process.close_stdin(process)
    assert %{os_pid: ^os_pid, result: %Result{}} = await_event(container, :process_exited)
  end

  test "waiting until nothing runs", context do
    container = start(context)
    assert :ok = Container.wait(container)
    process = sleeper(container)
    assert {:error, :timeout} = Container.wait(container, 50)
    waiting = Task.async(fn -> Container.wait(container) end)
    assert :ok = Container.kill(container)
    assert :ok = Task.await(waiting, within(10_000))
    assert {:ok, %Result{}} = Process.await(process)
    assert {"", 0} = Container.cmd(container, "true", [])
  end

  test "a command that cannot be started is told of", context do
    container = start(context)

    assert {:error, %Error{reason: :enoent}} =
             Container.run(container, "true", [], cd: "/nowhere")

    assert %{error: %Error{stage: :chdir}} = await_event(container, :process_error)
  end

  test "a failure ends the container when asked to", context do
    container = start(context, on_failure: :stop)
    monitor = Elixir.Process.monitor(container)
    assert {"", 0} = Container.cmd(container, "true", [])
    process = sleeper(container)
    assert {:ok, %Result{status: 1}} = Container.run(container, "false", [])
    timeout = within(10_000)

    assert_receive {:DOWN, ^monitor, _, _, {:command_failed, "false", %Result{status: 1}}},
                   timeout

    assert {:ok, %Result{reason: :stopped}} = Process.await(process)
  end

  test "defaults of the container, and what a command says", context do
    container = start(context, env: [{"A", "1"}, {"B", "1"}], cd: "/tmp")
    script = ["-c", "echo $A$B; pwd"]
    assert {"12\n/tmp\n", 0} = Container.cmd(container, "sh", script, env: [{"B", "2"}])
    assert {"11\n/\n", 0} = Container.cmd(container, "sh", script, cd: "/")

    assert_raise ArgumentError, ~r/cannot use "container" and "launcher"/, fn ->
      Container.run(container, "true", [], launcher: Contained.Launcher)
    end
  end

  test "daemons live in it and with it", context do
    container = start(context)
    {:ok, daemon} = Container.start_daemon(container, command: "sleep", args: ["1000"])
    os_pid = Contained.Daemon.os_pid(daemon)
    assert Container.member?(container, os_pid)
    monitor = Elixir.Process.monitor(daemon)
    assert :ok = Container.stop(container)
    assert_receive {:DOWN, ^monitor, _, _, _}
    refute os_alive?(os_pid)
  end

  test "a port program that is lost takes the contents, the container goes on", context do
    container = start(context, limits: if(:pids in context.has, do: [pids: 50], else: []))
    assert await_event(container, :started)
    process = sleeper(container)
    %{os_pids: %{guardian: guardian}} = GenServer.call(context.launcher, :info)
    System.cmd("kill", ["-KILL", "#{guardian}"])
    assert {:ok, %Result{reason: :launcher_down}} = Process.await(process)
    assert await_event(container, :started)
    assert {"", 0} = Container.cmd(container, "true", [])
    if :pids in context.has, do: assert({:ok, [pids: 50]} = Container.limits(container))
  end

  test "a launcher that ends ends it", context do
    container = start(context)
    monitor = Elixir.Process.monitor(container)
    Elixir.Process.exit(context.launcher, :kill)
    timeout = within(10_000)
    assert_receive {:DOWN, ^monitor, _, _, {:launcher_down, :killed}}, timeout
  end

  @tag :modes
  test "limits change while it runs, and hold all together", context do
    unless_missing(context, [:groups, :pids], fn ->
      container = start(context)
      sleeper(container)
      assert :ok = Container.set_limits(container, pids: 5)
      assert {:ok, [pids: 5]} = Container.limits(container)
      assert {:ok, %{pids: %{current: 2}}} = Container.stats(container)

      {:ok, result} =
        Container.run(container, "sh", ["-c", "for i in 1 2 3 4 5 6; do sleep 9 & done"],
          linger: :kill
        )

      assert result.status != 0
      assert %{limit: :pids, count: count} = await_event(container, :limit_hit)
      assert count >= 1

      assert {:error, %Error{stage: :limit}} =
               Container.set_limits(container, hugetlb: [{"3MB", 1}])
    end)
  end

  # Nobody looks; on v1 it takes cgroup.event_control.
  @tag :modes
  test "want of memory is told by the kernel, whose limit it may be", context do
    unless_missing(context, [:groups, :memory, :swap], fn ->
      opts = [poll_interval: 3_600_000, group: "greedy", group_limits: [memory: "48M", swap: 0]]
      container = start(context, opts)
      script = "dd if=/dev/zero of=/dev/null bs=128M count=1; echo over; exec sleep 1000"

      for {limits, count} <- [{[], 1}, {[memory: "16M", swap: 0], 2}] do
        opts = [stderr: :discard, limits: limits]
        {:ok, process} = Container.start(container, "sh", ["-c", script], opts)
        assert {:stdout, "over\n"} = Process.next(process, within(20_000))
        assert %{oom_kills: ^count} = await_event(container, :oom)
      end
    end)
  end

  @tag :modes
  test "two containers share the budget of their group; who is killed is told", context do
    unless_missing(context, [:groups, :memory, :swap], fn ->
      one = start(context, name: "one", group: "shared", group_limits: [memory: "48M", swap: 0])

      two =
        start_supervised!(
          {Container, launcher: context.launcher, name: "two", group: "shared", id: :two}
        )

      modest = sleeper(two)

      assert {:ok, %Result{} = result} =
               Container.run(one, "sh", [
                 "-c",
                 "exec dd if=/dev/zero of=/dev/null bs=128M count=1"
               ])

      assert result.reason == :oom
      assert %{oom_kills: 1} = await_event(one, :oom)
      assert os_alive?(Process.os_pid(modest))
      assert {:ok, %{memory: %{oom_kill: 0}}} = Container.stats(two)
      assert :ok = Container.set_group_limits(two, memory: "512M")
      assert {:ok, limits} = Container.limits(one, on: :group)
      assert limits[:memory] == 512 * 1024 * 1024

      assert {:ok, %Result{status: 0}} =
               Container.run(one, "dd", ~w(if=/dev/zero of=/dev/null bs=128M count=1))
    end)
  end

  @tag :modes
  test "freezing, foreign processes and files", context do
    unless_missing(context, [:groups], fn ->
      container = start(context)
      process = sleeper(container)
      assert :ok = Container.freeze(container)
      assert {:ok, %{frozen: true}} = Container.stats(container)
      assert :ok = Container.thaw(container)
      {:ok, foreign} = Contained.start("sleep", ["1000"])
      os_pid = Process.os_pid(foreign)
      assert :ok = Container.migrate(container, os_pid)
      assert Container.member?(container, os_pid)
      assert {:error, %Error{reason: :esrch}} = Container.migrate(container, 0x7FFFFFF0)
      assert :ok = Container.freeze(container)
      assert :ok = Container.stop(container)
      refute os_alive?(os_pid)
      assert {:ok, %Result{reason: :stopped}} = Process.await(process)
      assert {:ok, %Result{reason: :signal}} = Process.await(foreign)
    end)
  end

  defp listener(container) do
    script = "trap 'echo got' USR1; echo up; while :; do sleep 0.05; done"
    {:ok, process} = Container.start(container, "sh", ["-c", script], stderr: :discard)
    {:stdout, "up\n"} = Process.next(process)
    process
  end

  test "a signal to all commands", context do
    container = start(context)
    commands = for _ <- 1..2, do: listener(container)
    assert :ok = Container.signal(container, :usr1)
    for process <- commands, do: assert({:stdout, "got" <> _} = Process.next(process))
    assert :ok = Container.stop(container)
    assert {:error, %Error{reason: :noproc}} = Container.signal(container, :usr1)
  end

  test "a look at everything", context do
    container = start(context)
    os_pid = container |> sleeper() |> Process.os_pid()
    assert {:ok, %{name: "box", cpus: cpus, commands: [_]} = all} = Container.snapshot(container)
    assert os_pid in Enum.map(all.processes, & &1.pid)
    assert cpus >= 1 and all.time_ms <= System.monotonic_time(:millisecond)
    assert map_size(all.stats) > 0 == context.groups?

    unless_missing(context, [:groups], fn ->
      assert {:ok, threads} = Container.threads(container)
      assert os_pid in threads

      case Container.numa(container) do
        {:ok, kinds} -> assert map_size(kinds) > 0
        {:error, error} -> assert error.reason in [:enotsup, :enoent]
      end
    end)
  end

  test "an empty group may stay for inspection", context do
    unless_missing(context, [:groups], fn ->
      container = start(context, clean_cgroup: false)
      sleeper(container)
      {:ok, path} = Container.path(container)
      assert :ok = Container.stop(container)
      assert File.exists?(path)
      again = start(context, name: "box", id: :again)
      assert {"", 0} = Container.cmd(again, "true", [])
    end)
  end

  test "without control groups it is its commands", context do
    launcher = start_supervised!({Contained.Launcher, containment: :best_effort}, id: :none)
    container = start(%{context | launcher: launcher})
    process = sleeper(container)
    assert %{mode: :sessions} = Container.info(container)
    assert {:ok, [_ | _]} = Container.processes(container)
    assert {:error, %Error{reason: :enotsup}} = Container.set_limits(container, pids: 5)
    assert {:error, %Error{reason: :enotsup}} = Container.freeze(container)
    assert :ok = Container.kill(container)
    assert {:ok, %Result{}} = Process.await(process)
    other = sleeper(container)
    assert :ok = Container.stop(container)
    refute os_alive?(Process.os_pid(other))

    assert {:error, %Error{stage: :limit, reason: :enotsup}} =
             GenServer.start(
               Container.Server,
               Container.Config.new(launcher: launcher, limits: [pids: 5])
             )
  end
end
