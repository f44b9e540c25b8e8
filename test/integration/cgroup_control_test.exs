defmodule Contained.CgroupControlTest do
  # Contained.Cgroup on running commands, against this machine's kernel.
  use Contained.Case, async: false

  import Contained.{Needs, Proc}

  alias Contained.{Cgroup, Error, Launcher}
  alias Contained.Process, as: Command

  @moduletag :port
  @moduletag :modes

  setup do
    %{launcher: start_supervised!({Launcher, []})}
  end

  defp sh(ctx, script, opts \\ []) do
    opts = [launcher: ctx.launcher, delay_to_sigkill: 50] ++ opts
    {:ok, process} = Contained.start("sh", ["-c", script], opts)
    process
  end

  # A command that counts as fast as it is read, so that one sees whether it goes on.
  @counter "while :; do echo; sleep 0.01; done"

  defp silent?(process) do
    match?({:error, :timeout}, Command.next(process, 300))
  end

  describe "info" do
    test "row 147: tells what there is, of every launcher", ctx do
      assert {:ok, info} = Cgroup.info(ctx.launcher)
      assert info.containment in [:cgroup2, :hybrid, :cgroup1, :best_effort]
      assert info.limits -- Contained.Limits.keys() == []
      assert info.cgroup == "" == (info.containment == :best_effort)
      assert info.cgroup == "" or File.dir?(info.cgroup)
      assert {:ok, %{containment: containment}} = Cgroup.info(:dedicated)
      assert containment == info.containment

      listed = Enum.find(Contained.info().launchers, &(&1.pid == ctx.launcher))
      assert Map.take(listed, Map.keys(info)) == info
    end
  end

  describe "a command's group" do
    @describetag skip: groups()

    test "row 137: its processes", ctx do
      process = sh(ctx, "sleep 300 & exec sleep 301")
      leader = Command.os_pid(process)

      child =
        eventually(fn ->
          {:ok, all} = Cgroup.processes(process)
          Enum.find(all, &(&1.command == ["sleep", "300"]))
        end)

      assert %{name: "sleep", ppid: ^leader, state: state} = child
      assert state in ["S", "R", "D"]
      assert child.start_time > 0
      assert Cgroup.member?(process, leader) and Cgroup.member?(process, child.pid)
      refute Cgroup.member?(process, String.to_integer(System.pid()))
      Command.stop(process, [])
      refute Cgroup.member?(process, leader)
    end

    test "rows 139 and 143: its statistics", ctx do
      process = sh(ctx, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo; exec sleep 60")
      assert {:stdout, "\n"} = Command.next(process, 20_000)
      assert {:ok, stats} = Cgroup.stats(process)
      assert stats.populated
      refute stats[:frozen]
      if groups_v2() == false, do: assert(stats.cpu.usage_us > 0)
      Command.stop(process, [])
    end

    test "its path holds it", ctx do
      process = sh(ctx, "exec sleep 60", cgroup_group: "a/b", cgroup_name: "c")
      assert {:ok, path} = Cgroup.path(process)
      assert String.ends_with?(path, "/a/b/c")
      assert File.read!(Path.join(path, "cgroup.procs")) == "#{Command.os_pid(process)}\n"
      Command.stop(process, [])
      refute File.exists?(path)
    end

    test "row 69: frozen, it stands still; thawed, it goes on", ctx do
      process = sh(ctx, @counter)
      assert {:stdout, _} = Command.next(process, 5_000)
      assert :ok = Cgroup.freeze(process)
      # What it had written may still be on its way.
      eventually(fn -> silent?(process) end)
      assert :ok = Cgroup.thaw(process)
      assert {:stdout, _} = Command.next(process, 5_000)
      Command.stop(process, [])
    end

    test "torture 10: frozen, it is stopped in order", ctx do
      script = "trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
      process = sh(ctx, script, delay_to_sigkill: 10_000)
      assert {:stdout, "ready\n"} = Command.next(process, 5_000)
      assert :ok = Cgroup.freeze(process)
      assert :ok = Command.stop(process)
      assert {:ok, %{stdout: "term\n", exit: {:exited, 3}}} = Command.await(process, 5_000)
    end

    test "torture 10: frozen, it can be killed", ctx do
      process = sh(ctx, "trap '' TERM; sleep 300 & sleep 301")
      assert :ok = Cgroup.freeze(process)
      assert :ok = Cgroup.kill(process)
      assert {:ok, %{reason: reason, exit: {:signaled, 9, _}}} = Command.await(process, 5_000)
      assert reason in [:signal, :stopped]
    end

    test "killed, it is dead", ctx do
      marker = marker()
      args = [marker, helper_path("ignore_term")]
      opts = [launcher: ctx.launcher]
      {:ok, process} = Contained.start("sh", ["-c", ~S(setsid "$1" $0; true) | args], opts)
      assert {:stdout, "ready\n"} = Command.next(process, 5_000)
      assert :ok = Cgroup.kill(process)
      assert {:ok, _result} = Command.await(process, 5_000)
      assert marked(marker) == []
    end

    @tag skip: all([root(), groups()])
    test "torture 23: a foreign process that is moved in dies with it", ctx do
      port = Port.open({:spawn_executable, "/bin/sleep"}, args: ["300"])
      {:os_pid, foreign} = Port.info(port, :os_pid)
      process = sh(ctx, "exec sleep 300")
      assert :ok = Cgroup.migrate(process, foreign)
      assert Cgroup.member?(process, foreign)
      assert :ok = Command.stop(process)
      eventually(fn -> not os_alive?(foreign) end)
    end

    test "a process that is none cannot be moved in", ctx do
      process = sh(ctx, "exec sleep 300")
      assert {:error, %Error{reason: :esrch}} = Cgroup.migrate(process, 0x7FFFFFFF)
      Command.stop(process, [])
    end

    test "its files can be read and written, but not those that move processes", ctx do
      process = sh(ctx, "exec sleep 300")
      pid = "#{Command.os_pid(process)}\n"
      assert {:ok, ^pid} = Cgroup.get(process, "cgroup.procs")
      assert {:error, %Error{reason: reason}} = Cgroup.get(process, "nothing.max")
      assert reason in [:einval, :enotsup]
      assert {:error, %Error{}} = Cgroup.set(process, "nothing.max", "1")

      for file <- ["cgroup.procs", "tasks", "../cgroup.procs", "release_agent"] do
        assert_raise ArgumentError, fn -> Cgroup.set(process, file, "0") end
      end

      Command.stop(process, [])
    end

    test "of a command that has ended there is none", ctx do
      process = sh(ctx, ":")
      assert {:ok, _} = Command.await(process, 5_000)

      for fun <-
            [&Cgroup.stats/1, &Cgroup.processes/1, &Cgroup.limits/1, &Cgroup.freeze/1] ++
              [&Cgroup.thaw/1, &Cgroup.kill/1, &Cgroup.path/1, &Cgroup.pressure/1] do
        assert {:error, %Error{reason: :esrch}} = fun.(process)
      end
    end

    test "many may ask at once", ctx do
      process = sh(ctx, "exec sleep 300")
      ask = fn _ -> Cgroup.stats(process) end
      answers = 1..200 |> Task.async_stream(ask, max_concurrency: 50) |> Enum.to_list()
      assert Enum.all?(answers, &match?({:ok, {:ok, %{populated: true}}}, &1))
      Command.stop(process, [])
    end
  end

  @tag skip: limits([:memory, :pids])
  test "row 134: limits are read back and changed while it runs", ctx do
    process = sh(ctx, "exec sleep 300", limits: [memory: "64M"])
    assert {:ok, limits} = Cgroup.limits(process)
    assert limits[:memory] == 67_108_864
    assert :ok = Cgroup.set_limits(process, memory: "128M", pids: 17)
    assert {:ok, limits} = Cgroup.limits(process)
    assert {limits[:memory], limits[:pids]} == {134_217_728, 17}
    assert :ok = Cgroup.set_limits(process, limits)
    assert :ok = Cgroup.set_limits(process, pids: :max)
    assert {:ok, limits} = Cgroup.limits(process)
    refute Keyword.has_key?(limits, :pids)
    Command.stop(process, [])
  end

  @tag skip: limits(:pids)
  test "a limit that is set while it runs holds", ctx do
    process = sh(ctx, "while read line; do sleep 300 >/dev/null & echo $?; done")
    assert :ok = Cgroup.set_limits(process, pids: 2)
    Command.write(process, "1\n")
    assert {:stdout, "0\n"} = Command.next(process, 5_000)
    Command.write(process, "2\n")
    # The shell ends when it cannot fork.
    assert {:ended, %{status: status}} = Command.next(process, 5_000)
    assert status != 0
  end

  @tag skip: file("cpu.pressure")
  test "row 144: pressure", ctx do
    process = sh(ctx, "exec sleep 300")
    assert {:ok, %{cpu: %{some: %{avg10: avg10, total: total}}}} = Cgroup.pressure(process)
    assert is_float(avg10) and is_integer(total)
    Command.stop(process, [])
  end

  @tag skip: containment([:best_effort])
  test "without groups there is none to control", ctx do
    process = sh(ctx, "exec sleep 300")
    assert {:error, %Error{reason: :enotsup}} = Cgroup.freeze(process)
    assert {:error, %Error{}} = Cgroup.set_limits(process, pids: 5)
    Command.stop(process, [])
  end
end
