defmodule Contained.IsolationTest do
  # Namespaces of commands: what they see, that they do not get out, and that nothing of them stays.
  use Contained.Case, async: false

  import Contained.{Needs, Proc, Sh}

  alias Contained.{Cgroup, Daemon, Error, Info, Launcher}
  alias Contained.Process, as: Command

  @moduletag :port
  @moduletag :modes
  @moduletag skip: isolation()

  # A launcher of its own with groups as there are, and one without.
  setup ctx do
    opts = if ctx[:without_groups], do: [containment: :best_effort], else: []
    %{launcher: start_supervised!({Launcher, opts})}
  end

  defp start(ctx, program, args, opts) do
    opts = [launcher: ctx.launcher, delay_to_sigkill: 50, cd: "/"] ++ opts
    {:ok, process} = Contained.start(program, args, opts)
    process
  end

  # Not where the tests are: the user of a test VM may not write there.
  defp directory do
    dir =
      Path.join(System.tmp_dir!(), "contained-isolation-#{System.unique_integer([:positive])}")

    File.mkdir_p!(dir)
    on_exit(fn -> File.rm_rf!(dir) end)
    dir
  end

  # A daemon with a session of its own below an isolated shell; the marker finds it.
  defp daemonized(ctx) do
    marker = marker()

    script =
      "(setsid sh -c 'trap \"\" TERM HUP; echo up; while :; do sleep 0.2; done' #{marker} &); cat"

    process = start(ctx, "sh", ["-c", script], pid_isolation: true)
    read_until(process, "up\n")
    assert [_ | _] = marked(marker)
    {process, marker}
  end

  for {name, tags} <- [
        {"in control groups", []},
        {"without control groups", [without_groups: true]}
      ] do
    describe "pid isolation #{name}" do
      @describetag tags

      test "ps shows only its own", ctx do
        assert output(ctx, "ls /proc | grep -c '^[0-9]'; cat /proc/1/comm; echo $$ $PPID",
                 pid_isolation: true
               ) =~
                 ~r/\A[345]\ncontained_init\n2 1\n\z/

        refute output(ctx, "cat /proc/[0-9]*/comm", pid_isolation: true) =~ "beam"
      end

      test "the exit is the program's", ctx do
        assert {:ok, %{status: 3, exit: {:exited, 3}, left_behind: 0}} =
                 run(ctx, "exit 3", pid_isolation: true)

        assert {:ok, %{exit: {:signaled, 9, false}}} = run(ctx, "kill -9 $$", pid_isolation: true)
      end

      test "its os_pid is the program's out here, and the init is not shown", ctx do
        process = start(ctx, "sleep", ["300"], pid_isolation: true)
        os_pid = process.os_pid
        assert File.read!("/proc/#{os_pid}/comm") == "sleep\n"
        assert {:ok, [%{pid: ^os_pid, name: "sleep"}]} = Cgroup.processes(process)
        assert :ok = Command.stop(process)

        assert {:ok, %{reason: :stopped, exit: {:signaled, 15, false}, left_behind: 0}} =
                 Command.await(process, within(5_000))
      end

      test "signals reach the leader, or all but the init", ctx do
        script = "trap 'echo got' USR1; echo up; while :; do sleep 0.05; done"
        process = start(ctx, "sh", ["-c", script], pid_isolation: true, stderr: :discard)
        read_until(process, "up\n")
        assert :ok = Command.signal(process, :usr1, :leader)
        read_until(process, "got\n")
        assert :ok = Command.signal(process, :usr1)
        read_until(process, "got\n")
        assert :ok = Command.stop(process)
      end

      test "a double fork with a session of its own dies with the command", ctx do
        {process, marker} = daemonized(ctx)
        assert :ok = Command.stop(process)
        assert {:ok, %{reason: :stopped}} = Command.await(process, within(5_000))
        eventually(fn -> marked(marker) == [] end, within(5_000))
      end

      test "the program may be pid 1 itself", ctx do
        assert output(ctx, "echo $$", pid_isolation: :program) == "1\n"
        assert {:ok, %{status: 7}} = run(ctx, "exit 7", pid_isolation: :program)
      end
    end
  end

  # Torture case 40: neither guardian nor worker can do anything any more; the kernel does.
  test "guardian and worker killed at once: everything in the namespace dies", ctx do
    {_process, marker} = daemonized(ctx)
    %{os_pids: os_pids} = launcher_info(ctx.launcher)
    {_, 0} = System.cmd("kill", ["-KILL" | Enum.map(Map.values(os_pids), &to_string/1)])
    eventually(fn -> marked(marker) == [] end, within(5_000))
  end

  @tag :without_groups
  test "the same without control groups", ctx do
    {_process, marker} = daemonized(ctx)
    %{os_pids: os_pids} = launcher_info(ctx.launcher)
    {_, 0} = System.cmd("kill", ["-KILL" | Enum.map(Map.values(os_pids), &to_string/1)])
    eventually(fn -> marked(marker) == [] end, within(5_000))
  end

  test "who is left behind is counted, killed and waited for", ctx do
    assert {:ok, %{status: 5, left_behind: 1}} =
             run(ctx, "sleep 300 >/dev/null & exit 5", pid_isolation: true, linger: :kill)
  end

  # Torture cases 21 and 69.
  @tag skip: all([root(), groups_v2()])
  test "a payload that leaves its group dies with its namespace", ctx do
    marker = marker()

    script =
      "for top in /sys/fs/cgroup /sys/fs/cgroup/unified; do echo $$ > $top/cgroup.procs; done; echo out; cat"

    process = start(ctx, "sh", ["-c", script, marker], pid_isolation: true, stderr: :discard)
    read_until(process, "out\n")
    assert :ok = Command.stop(process, [])
    eventually(fn -> marked(marker) == [] end, within(5_000))
  end

  @tag skip: limits(:memory)
  test "want of memory is told through the init", ctx do
    script = "exec tail /dev/zero"
    opts = [pid_isolation: true, limits: [memory: "16M", swap: 0], on_unsupported: :ignore]
    assert {:ok, %{reason: :oom, exit: {:signaled, 9, false}}} = run(ctx, script, opts)
  end

  test "a network of none has lo alone", ctx do
    script =
      "tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/sys/net/ipv4/conf/lo/forwarding >/dev/null"

    assert output(ctx, script, network: :none) |> String.trim() == "lo"
  end

  test "a hostname of its own", ctx do
    assert output(ctx, "cat /proc/sys/kernel/hostname", hostname: "inside") == "inside\n"
  end

  @tag skip: if(File.exists?("/proc/self/timens_offsets"), do: false, else: "needs Linux 5.6")
  test "clocks that are ahead", ctx do
    script = "cat /proc/self/timens_offsets | tr -s ' '; cut -d. -f1 /proc/uptime"
    offsets = [boottime: 86_400_000, monotonic: -250]

    assert ["monotonic -1 750000000", "boottime 86400 0", up] =
             ctx |> output(script, time_offsets: offsets) |> String.split("\n", trim: true)

    assert String.to_integer(up) >= 86_400

    assert {:error, %Error{stage: :namespace, reason: :erange, subject: "time_offsets"} = error} =
             run(ctx, "true", time_offsets: [boottime: -0x10000000000])

    assert Exception.message(error) =~ "above 0"
  end

  @system for path <- ~w(/usr /bin /lib /lib64), File.exists?(path), do: {path, path}

  test "nothing leads out of a root", ctx do
    dir = directory()
    secret = Path.join(dir, "secret")
    File.write!(secret, "secret")
    root = Path.join(dir, "root")
    File.mkdir!(root)

    script = """
    exec 2>&-
    ln -s ../../../../../../../..#{secret} /link
    cat /link #{secret} ../../../../../..#{secret} /proc/1/root#{secret} /proc/1/cwd#{secret}
    for fd in /proc/self/fd/* /proc/1/fd/*; do cat $fd/#{secret}; done
    echo $(pwd) $(ls /)
    """

    opts = [root: root, tmpfs: ["/"], binds: @system, pid_isolation: true]
    {:ok, %{stdout: out}} = Contained.run("sh", ["-c", script], [launcher: ctx.launcher] ++ opts)
    names = Enum.sort(["link", "proc" | Enum.map(@system, fn {"/" <> name, _} -> name end)])
    assert out == "/ #{Enum.join(names, " ")}\n"
    assert File.ls!(root) == []
  end

  test "binds, tmpfs and a read-only root", ctx do
    dir = directory()
    File.write!(Path.join(dir, "file"), "data\n")

    script = "cat /mnt/file; echo x > /mnt/made || echo no; echo y > /tmp/made && cat /tmp/made"

    opts = [
      binds: [{dir, "/mnt", :ro}],
      tmpfs: [{"/tmp", "1M"}],
      read_only_root: true,
      stderr: :discard
    ]

    assert output(ctx, script, opts) == "data\nno\ny\n"
    assert File.ls!(dir) == ["file"]
  end

  test "every refused step says what it was about", ctx do
    assert {:error, %Error{stage: :mount, reason: :enoent, subject: "/no/such"} = error} =
             run(ctx, "true", binds: [{"/no/such", "/mnt"}])

    assert Exception.message(error) =~ "a target has to exist"

    assert {:error, %Error{stage: :mount, subject: "/no/root"}} =
             run(ctx, "true", root: "/no/root")

    assert {:error, %Error{stage: :network, reason: reason}} =
             run(ctx, "true", network: {:netns, "/no/ns"})

    assert reason in [:enoent, :eperm]

    assert {:error, %Error{stage: :id_map, subject: subject}} =
             run(ctx, "true", uid_map: [{0, 1, 10}, {5, 100, 10}])

    assert subject in ["uid_map", "newuidmap"]
  end

  # What is promised is what happens, whatever the machine.
  test "info tells what there may be" do
    %{namespaces: namespaces, pid_isolation: isolation} = info = Info.info()

    for {name, verdict} <- namespaces do
      assert {name, verdict(namespaces: [name], namespaces: [name, :user])} ==
               {name, kind(verdict)}
    end

    assert starts?(pid_isolation: true) == (kind(isolation) != :error)
    assert starts?(seccomp: :default) == (kind(info.seccomp) != :error)
    assert starts?(landlock: [read: ["/"]]) == (kind(info.landlock) != :error)
  end

  defp kind({:error, _words}), do: :error
  defp kind(verdict), do: verdict

  defp verdict([alone, with_user]) do
    cond do
      starts?([alone]) -> true
      starts?([with_user]) -> :user
      true -> :error
    end
  end

  defp starts?(opts), do: match?({:ok, %{status: 0}}, Contained.run("true", [], opts))

  test "M4: what is not allowed is an error and starts nothing", ctx do
    marker = marker()
    opts = [launcher: ctx.launcher, binds: [{"/no/such", "/mnt"}], pid_isolation: true]

    assert {:error, %Error{stage: :mount}} =
             Contained.run("sh", ["-c", "sleep 300", marker], opts)

    assert marked(marker) == []
  end

  @tag skip: id_ranges()
  test "ranges of ids", ctx do
    {{uid, count}, {gid, _}} = {range("/etc/subuid"), range("/etc/subgid")}
    opts = [uid_map: [{0, uid, count}], gid_map: [{0, gid, 10}], user: 0, group: 0]
    file = Path.join(directory(), "file")
    File.chmod!(Path.dirname(file), 0o1777)

    script = """
    cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '
    echo x > #{file}; chown 7:8 #{file}; stat -c %u:%g #{file}; id -u
    """

    assert output(ctx, script, opts) == " 0 #{uid} #{count}\n 0 #{gid} 10\n7:8\n0\n"
    assert %{uid: owner, gid: group} = File.stat!(file)
    assert {owner, group} == {uid + 7, gid + 8}
  end

  @tag skip: all([not_root(), id_ranges()])
  test "ranges of ids that /etc/subuid does not allow", ctx do
    {uid, count} = range("/etc/subuid")
    {gid, _} = range("/etc/subgid")
    too_many = [{0, uid, count + 1}]

    assert {:error, %Error{stage: :id_map, reason: :eperm, subject: "uid_map"} = error} =
             run(ctx, "true", uid_map: too_many, gid_map: [{0, gid, 1}])

    assert Exception.message(error) =~ "/etc/subuid"
  end

  @tag skip: not_root()
  test "without root: the VM's own id, as a user namespace has it", ctx do
    assert {:error, %Error{stage: :namespace, reason: :eperm, subject: "uts"} = error} =
             run(ctx, "true", namespaces: [:uts])

    assert Exception.message(error) =~ "add :user"
    {id, 0} = System.cmd("id", ["-u"])
    assert output(ctx, "id -u", namespaces: [:user]) == id
    assert output(ctx, "id -u", namespaces: [:user], user: 0, group: 0) == "0\n"
    assert Info.info().namespaces.pid == :user
  end

  test "daemons have it, too", ctx do
    opts = [launcher: ctx.launcher, pid_isolation: true, cd: "/", ready: {:output, ~r/up 2/}]
    {:ok, daemon} = Daemon.start_link("sh", ["-c", "echo up $$; exec sleep 300"], opts)
    os_pid = Daemon.os_pid(daemon)
    assert is_integer(os_pid)
    GenServer.stop(daemon)
    eventually(fn -> not os_alive?(os_pid) end)
  end
end
