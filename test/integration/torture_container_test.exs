defmodule Contained.TortureContainerTest do
  # Cases of the torture list in the setting of containers and of pid namespaces. Those of plain commands are in
  # modes_test.exs, those of a whole machine in machine_test.exs.
  use Contained.Case, async: false

  import Contained.{Needs, Proc}

  alias Contained.{Container, Error, Launcher, NastyTree, VM}
  alias Contained.Process, as: Command

  @moduletag :port
  # Supervisors tell of parents that were killed.
  @moduletag :capture_log
  @moduletag timeout: 120_000

  # In the container's groups alone, and below an init there.
  @settings [{"a container", []}, {"a pid namespace in a container", [pid_isolation: true]}]

  setup do
    launcher = start_supervised!({Launcher, []})
    %{launcher: launcher, container: container(launcher, "box")}
  end

  defp container(launcher, name) do
    spec = {Container, name: name, launcher: launcher, restart: :temporary}
    start_supervised!(spec, id: make_ref())
  end

  defp start(ctx, program, args, opts) do
    opts = [delay_to_sigkill: 50, stderr: :discard, cd: "/"] ++ opts
    {:ok, process} = Container.start(ctx.container, program, args, opts)
    process
  end

  # A shell that makes groups in its own, puts processes into them and removes what it is told to.
  defp in_own_groups(ctx, marker, script, opts) do
    args = ["-c", "read -r group\n" <> script, marker, helper_path("ignore_term")]
    process = start(ctx, "sh", args, opts)
    {:ok, path} = Contained.Cgroup.path(process)
    :ok = Command.write(process, path <> "\n")
    read_until(process, "made\n")
    {process, path}
  end

  defp move(pid, group), do: File.write!(Path.join(group, "cgroup.procs"), "#{pid}")

  # A group of nobody's.
  defp foreign_group(ctx) do
    {:ok, path} = Container.path(ctx.container)
    %{cgroup: tree} = launcher_info(ctx.launcher)
    group = Path.join(Path.dirname(tree), "contained-test-#{System.unique_integer([:positive])}")
    File.mkdir!(group)
    on_exit(fn -> eventually(fn -> File.rmdir(group) == :ok end, within(10_000)) end)
    {group, path}
  end

  defp gone(marker), do: eventually(fn -> marked(marker) == [] end, within(10_000))

  @nest """
  mkdir "$group/own" "$group/own/deep" "$group/empty"
  for own in own own/deep; do
    "$1" $0 >/dev/null &
    echo $! >"$group/$own/cgroup.procs" || exit
  done
  """

  for {name, opts} <- @settings do
    describe "in #{name}" do
      @describetag opts: opts
      @describetag skip: all([root(), groups_v2(), isolation()])

      test "torture 20: groups within groups go with the container", ctx do
        marker = marker()
        {_process, path} = in_own_groups(ctx, marker, @nest <> "echo made; wait", ctx.opts)
        # One that is about to be executed has no arguments for a moment.
        eventually(fn -> length(marked(marker)) == 3 end, within(10_000))
        assert :ok = Container.stop(ctx.container, [])
        gone(marker)
        refute File.exists?(Path.dirname(path))
      end

      test "torture 22: groups that the payload or somebody else has removed", ctx do
        marker = marker()
        script = @nest <> ~S(rmdir "$group/empty"; echo made; wait)
        {process, path} = in_own_groups(ctx, marker, script, [keep_cgroup: true] ++ ctx.opts)
        refute File.exists?(Path.join(path, "empty"))
        assert :ok = Command.stop(process, [])
        gone(marker)
        # Empty, kept, and removed by a stranger, its own groups first.
        for own <- ["own/deep", "own", ""], do: File.rmdir(Path.join(path, own))
        refute File.exists?(path)
        assert {"", 0} = Container.cmd(ctx.container, "true", [])
        assert :ok = Container.stop(ctx.container)
      end

      test "torture 23: who is moved out by somebody else is followed and killed", ctx do
        marker = marker()
        {foreign, _path} = foreign_group(ctx)
        script = ~S("$1" $0 >/dev/null & echo up; wait)
        process = start(ctx, "sh", ["-c", script, marker, helper_path("ignore_term")], ctx.opts)
        read_until(process, "up\n")
        pids = eventually(fn -> if length(marked(marker)) == 2, do: marked(marker) end)
        for pid <- pids, do: move(pid, foreign)
        assert :ok = Container.stop(ctx.container)
        gone(marker)
        assert {:ok, %{reason: :stopped}} = Command.await(process, within(10_000))
      end

      test "torture 23: a stranger who is moved in dies with the container", ctx do
        marker = marker()

        stranger =
          Port.open({:spawn_executable, "/bin/sh"},
            args: ["-c", "while :; do sleep 1; done", marker]
          )

        {:os_pid, pid} = Port.info(stranger, :os_pid)
        process = start(ctx, "sleep", ["1000"], ctx.opts)
        {:ok, path} = Contained.Cgroup.path(process)
        move(pid, path)
        assert Container.member?(ctx.container, pid)
        assert :ok = Container.stop(ctx.container)
        refute os_alive?(pid)
        assert {:ok, %{reason: :stopped}} = Command.await(process, within(10_000))
      end

      test "torture 24: groups that somebody removes are made again, or missed with an error",
           ctx do
        assert {"", 0} = Container.cmd(ctx.container, "true", [])
        %{cgroup: tree} = launcher_info(ctx.launcher)

        for removed <- [tree <> "/containers/box/*/", tree <> "/**/"] do
          removed |> Path.wildcard() |> Enum.reverse() |> Enum.each(&File.rmdir/1)

          case Container.run(ctx.container, "echo", ["x"], ctx.opts) do
            {:ok, result} -> assert result.stdout == "x\n"
            {:error, error} -> assert %Error{stage: :cgroup} = error
          end
        end

        # Whatever came of it, a container can be had again.
        assert :ok = Container.stop(ctx.container)
        again = container(ctx.launcher, "box")
        assert {"", 0} = Container.cmd(again, "true", [])
      end

      # A process that is cloned into a frozen group is held there before its exec: it has all descriptors of the worker,
      # also its end of the pipe to the VM.
      test "torture 43: the worker dies while a child is held between fork and exec", ctx do
        %{os_pids: os_pids, cgroup: tree} = launcher_info(ctx.launcher)
        process = start(ctx, "sleep", ["1000"], ctx.opts)
        :ok = Container.freeze(ctx.container)
        opts = [delay_to_sigkill: 0] ++ ctx.opts
        task = Task.async(fn -> Container.run(ctx.container, "sleep", ["1001"], opts) end)
        held = eventually(fn -> held(tree, Command.os_pid(process)) end, within(10_000))
        kill("KILL", os_pids.worker)
        assert {:ok, %{reason: :launcher_down, os_pid: nil}} = Task.await(task, within(20_000))
        assert {:ok, %{reason: :launcher_down}} = Command.await(process, within(10_000))
        eventually(fn -> not Enum.any?(held, &os_alive?/1) end, within(10_000))
        eventually(fn -> not os_alive?(os_pids.guardian) end, within(10_000))
        assert {"", 0} = Container.cmd(ctx.container, "true", [])
      end
    end
  end

  # Those in a second group of the container: a copy of the port program, not executed yet.
  defp held(tree, leader) do
    held =
      for file <- Path.wildcard(tree <> "/containers/box/*/cgroup.procs"),
          pids = file |> File.read!() |> String.split() |> Enum.map(&String.to_integer/1),
          leader not in pids,
          pid <- pids,
          do: pid

    if held != [], do: held
  end

  ## Everything read-only

  # In a mount namespace of its own the port program can lose its control groups, and nobody else does.
  @unshare """
  #!/bin/sh
  exec unshare --mount --propagation private "$CONTAINED_TEST_PROGRAM" "$@"
  """

  @needs all([root(), groups_v2(), program("unshare"), program("nsenter")])

  defp own_mounts do
    {:ok, program} = Contained.Port.locate()
    put_env("CONTAINED_TEST_PROGRAM", program)
    put_env("CONTAINED_PORT", script(tmp_dir(), "program", @unshare))
    launcher = start_supervised!({Launcher, []}, id: make_ref())
    assert {"", 0} = Contained.cmd("true", [], launcher: launcher)
    {launcher, launcher_info(launcher).os_pids.worker}
  end

  defp put_env(name, value) do
    before = System.get_env(name)
    on_exit(fn -> if before, do: System.put_env(name, before), else: System.delete_env(name) end)
    System.put_env(name, value)
  end

  @remount "grep ' /sys/fs/cgroup' /proc/mounts | cut -d' ' -f2 | while read at; do mount -o remount,bind,$0 $at; done"

  defp remount(worker, how) do
    args = ["--target", "#{worker}", "--mount", "sh", "-c", @remount, how]
    {_, 0} = System.cmd("nsenter", args, stderr_to_stdout: true)
  end

  @tag skip: @needs
  test "torture 25: control groups become read-only while a container runs" do
    {launcher, worker} = own_mounts()
    container = container(launcher, "ro")
    {process, marker, _pids} = NastyTree.start(container: container)
    isolated = start(%{container: container}, "sleep", ["1000"], pid_isolation: true)
    {:ok, stranger} = Contained.start("sleep", ["1000"])
    :ok = Container.migrate(container, Command.os_pid(stranger))
    remount(worker, "ro")
    assert :ok = Container.stop(container)
    gone(marker)
    assert {:ok, %{reason: :stopped}} = Command.await(process, within(10_000))
    assert {:ok, %{reason: :stopped}} = Command.await(isolated, within(10_000))
    assert {:ok, %{exit: {:signaled, 9, false}}} = Command.await(stranger, within(10_000))
    opts = [launcher: launcher, cgroup_name: "new"]
    assert {:error, %Error{stage: :cgroup, reason: :erofs}} = Contained.run("true", [], opts)
    remount(worker, "rw")
    assert {:ok, %{status: 0}} = Contained.run("true", [], opts)
  end

  ## The VM

  test "torture 33: the VM is killed with a hundred commands, half of them isolated, and their daemons" do
    within("VM SIGKILL, 100 commands", [median: within(2_000), max: within(2_000)], 1, fn ->
      vm = VM.start(:hundred)
      pids = eventually(fn -> at_least(200, marked(vm.marker)) end, within(10_000))
      ms = gone_after(pids, fn -> kill("KILL", vm.os_pid) end)
      VM.await_death(vm)
      assert marked(vm.marker) == []
      assert_program_gone(vm)
      ms
    end)
  end

  defp at_least(count, pids), do: if(length(pids) >= count, do: pids)
end
