defmodule Contained.Daemon.LiveTest do
  # What can be asked of a running daemon, and done to its program.
  use Contained.Case, async: true

  alias Contained.{Daemon, Needs}

  @moduletag :port
  @moduletag :capture_log

  setup do
    Process.flag(:trap_exit, true)
    :ok
  end

  defp start(script, opts \\ []) do
    {:ok, daemon} = Daemon.start_link("sh", ["-c", script], opts)
    on_exit(fn -> Process.exit(daemon, :kill) end)
    daemon
  end

  defp output(daemon, text) do
    assert_receive {Daemon, ^daemon, {:output, :stdout, ^text}}, 10_000
  end

  defp state_of(os_pid) do
    {:ok, stat} = File.read("/proc/#{os_pid}/stat")
    stat |> String.split(") ") |> List.last() |> String.first()
  end

  test "os_pid is the program's own" do
    daemon = start("echo $$; exec sleep 100", on_output: self())
    output(daemon, "#{Daemon.os_pid(daemon)}\n")
  end

  test "write and close_stdin" do
    daemon =
      start("read line; echo got $line; cat >/dev/null; echo end", stdin: :pipe, on_output: self())

    assert Daemon.write(daemon, "hello\n") == :ok
    output(daemon, "got hello\n")
    assert Daemon.close_stdin(daemon) == :ok
    output(daemon, "end\n")
    assert_receive {:EXIT, ^daemon, :normal}, 5_000
  end

  test "input: :pipe is the same, and without either stdin is open and silent" do
    daemon = start("exec cat", input: :pipe, on_output: self())
    assert Daemon.write(daemon, "x") == :ok
    output(daemon, "x")
    Daemon.stop(daemon)

    daemon = start("exec cat")
    assert Daemon.write(daemon, "x") == {:error, :not_piped}
    assert %{state: :running} = Daemon.info(daemon)
  end

  test "input is read at each start" do
    daemon = start("cat; exit 0", input: "all of it", interval: 0, on_output: self())
    output(daemon, "all of it")
    output(daemon, "all of it")
    Daemon.stop(daemon)
  end

  @signals """
  trap 'echo hup' HUP; trap 'echo usr1' USR1; trap 'echo usr2' USR2
  echo set; while :; do sleep 0.01; done
  """

  test "signal and reload" do
    daemon = start(@signals, on_output: self(), reload_signal: :usr2)
    Daemon.subscribe(daemon)
    output(daemon, "set\n")
    assert Daemon.signal(daemon, :usr1, :leader) == :ok
    assert_receive {Daemon, ^daemon, {:signal, :usr1, :leader}}, 10_000
    output(daemon, "usr1\n")
    assert Daemon.reload(daemon) == :ok
    output(daemon, "usr2\n")
    assert_receive {Daemon, ^daemon, {:signal, :usr2, :leader}}, 10_000
    Daemon.stop(daemon)

    daemon = start(@signals, on_output: self())
    output(daemon, "set\n")
    assert Daemon.reload(daemon) == :ok
    output(daemon, "hup\n")

    assert_raise ArgumentError, ~r/unknown signal :nonsense/, fn ->
      Daemon.signal(daemon, :nonsense)
    end
  end

  test "stop takes a ladder of its own" do
    daemon =
      start("trap 'echo int; exit' INT; trap '' TERM; echo set; while :; do sleep 0.01; done",
        on_output: self()
      )

    output(daemon, "set\n")
    assert Daemon.stop(daemon, int: 10_000) == :ok
    output(daemon, "int\n")
    daemon = start("exec sleep 100")

    assert_raise ArgumentError, ~r/a stop ladder is a list of/, fn ->
      Daemon.stop(daemon, [:int])
    end

    assert Daemon.stop(daemon, []) == :ok
  end

  test "pause stops all processes, resume lets them go on, and both can be repeated" do
    daemon = start("while :; do echo x; sleep 0.01; done", capture: true)
    Daemon.subscribe(daemon)
    os_pid = Daemon.os_pid(daemon)
    assert Daemon.pause(daemon) == :ok
    assert_receive {Daemon, ^daemon, :paused}, 1_000
    assert Daemon.pause(daemon) == :ok
    assert Daemon.info(daemon).paused == :hand
    # Frozen it sleeps, stopped it is T. What it wrote before may still be on its way.
    assert state_of(os_pid) in ["S", "D", "T", "R"]
    count = settled(daemon)
    flush()
    refute_receive {Daemon, ^daemon, {:output, _, _}}, 100
    assert Daemon.statistics(daemon).output_byte_count == count
    assert Daemon.resume(daemon) == :ok
    assert_receive {Daemon, ^daemon, :resumed}, 1_000
    assert_receive {Daemon, ^daemon, {:output, :stdout, _}}, 5_000
    assert Daemon.resume(daemon) == :ok
    assert Daemon.info(daemon).paused == nil
  end

  test "a paused program can be stopped, and restarted" do
    daemon = start("exec sleep 100")
    os_pid = Daemon.os_pid(daemon)
    assert Daemon.pause(daemon) == :ok
    assert Daemon.restart(daemon) == :ok
    refute os_alive?(os_pid)
    assert %{paused: nil, state: :running} = Daemon.info(daemon)
    os_pid = Daemon.os_pid(daemon)
    assert Daemon.pause(daemon) == :ok
    assert Daemon.stop(daemon) == :ok
    refute os_alive?(os_pid)
  end

  test "the load pauses and resumes, but does not resume what was paused by hand" do
    # A load of 0 is exceeded at any time, a high one never.
    daemon = start("exec sleep 100", pause_above: 0, resume_below: 0)
    Daemon.subscribe(daemon)
    # Unless nothing at all has run on this machine for minutes.
    assert_receive {Daemon, ^daemon, :paused}, 10_000
    assert Daemon.info(daemon).paused == :pressure
    assert Daemon.pause(daemon) == :ok
    assert Daemon.info(daemon).paused == :hand
    assert Daemon.resume(daemon) == :ok
    assert_receive {Daemon, ^daemon, :resumed}, 5_000

    daemon = start("exec sleep 100", pause_above: 1_000_000)
    assert Daemon.pause(daemon) == :ok
    # It is looked at every second.
    refute_receive {Daemon, ^daemon, :resumed}, 1_500
    assert Daemon.info(daemon).paused == :hand
  end

  test "restart has a new program, and is counted" do
    daemon = start("exec sleep 100", ready: {:after, 10})
    os_pid = Daemon.os_pid(daemon)
    assert Daemon.restart(daemon) == :ok
    assert Daemon.os_pid(daemon) not in [os_pid, :error]
    refute os_alive?(os_pid)
    assert %{restarts: 1, ready: true, last_result: %{reason: :stopped}} = Daemon.info(daemon)
  end

  test "restart of a program that cannot be started again tells why" do
    dir = tmp_dir()
    # The shell looks for the script once it has been executed.
    path = script(dir, "once", "#!/bin/sh\necho up\nexec sleep 100\n")
    {:ok, daemon} = Daemon.start_link(path, [], ready: {:output, ~r/up/})
    File.rm!(path)
    assert {:error, _reason} = Daemon.restart(daemon)
    assert_receive {:EXIT, ^daemon, {:enoent, _}}, 5_000
  end

  test "subscribers are told of all that happens" do
    daemon = start("read x; echo $x; read x; exit 3", stdin: :pipe, capture: true)
    Daemon.subscribe(daemon)
    Daemon.restart(daemon)
    assert_receive {Daemon, ^daemon, {:exited, %{reason: :stopped}}}, 5_000
    os_pid = Daemon.os_pid(daemon)
    assert_receive {Daemon, ^daemon, {:started, ^os_pid}}, 5_000
    assert_receive {Daemon, ^daemon, :ready}, 5_000
    Daemon.write(daemon, "out\n")
    output(daemon, "out\n")
    Daemon.write(daemon, "\n")
    assert_receive {Daemon, ^daemon, {:exited, %{status: 3}}}, 5_000
    assert_receive {Daemon, ^daemon, {:stopped, :error_exit_status}}, 5_000
  end

  test "who unsubscribes is told no more" do
    daemon = start("exec sleep 100")
    Daemon.subscribe(daemon)
    Daemon.unsubscribe(daemon)
    Daemon.restart(daemon)
    refute_received {Daemon, _, _}
  end

  test "into collects over all runs" do
    test = self()
    stream = %Contained.Forward{to: test}
    daemon = start("echo one", into: stream, interval: 0)
    for _ <- 1..2, do: assert_receive({:forwarded, "one\n"}, 5_000)
    Daemon.stop(daemon)
  end

  # With sinks the output comes through them.
  for {how, sinks?} <- [{"", false}, {", and so does one with a log file", true}] do
    test "a subscriber that is slow makes the program wait#{how}" do
      opts = if unquote(sinks?), do: [log_to: {:file, Path.join(tmp_dir(), "log")}], else: []
      daemon = start("while :; do echo x; done", [on_output: self(), window: 65_536] ++ opts)
      # More than a thousand messages are too many: then credit is held back.
      eventually(fn -> queued(self()) > 1_000 end)
      stopped_at = settled(daemon)
      flush()
      count = fn -> Daemon.statistics(daemon).output_byte_count end
      eventually(fn -> flush() && count.() > stopped_at end)
      Daemon.stop(daemon)
    end
  end

  # What has been counted when nothing more comes.
  defp settled(daemon),
    do: steady(fn -> Daemon.statistics(daemon).output_byte_count end, 30)

  defp flush do
    receive do
      {Daemon, _, {:output, _, _}} -> flush()
    after
      0 -> true
    end
  end

  test "a function of the user that raises is the daemon's end, and the program's" do
    daemon =
      start("echo x; trap '' TERM; while :; do echo x; sleep 0.01; done",
        on_output: fn _, _ -> raise "oops" end
      )

    os_pid = Daemon.os_pid(daemon)
    assert_receive {:EXIT, ^daemon, {%RuntimeError{message: "oops"}, _}}, 10_000
    refute os_alive?(os_pid)
  catch
    # It may have ended before it could be asked.
    :exit, _ -> assert_receive {:EXIT, _, {%RuntimeError{message: "oops"}, _}}, 10_000
  end

  describe "statistics" do
    test "count the output when it is taken, and nothing otherwise" do
      daemon = start("echo hello; echo oh >&2; read x", capture: true, stderr: :capture)
      eventually(fn -> Daemon.statistics(daemon).output_byte_count == 9 end)
      statistics = Daemon.statistics(daemon)
      assert statistics.output_bytes == %{stdout: 6, stderr: 3}
      assert %{restarts: 0, uptime_ms: _, age_ms: _, sink_dropped: 0} = statistics
      assert is_map(statistics.cgroup) and is_map(statistics.usage)

      daemon = start("echo hello; read x")
      assert Daemon.statistics(daemon).output_byte_count == 0
    end

    @tag skip: Needs.file("cpu.stat")
    test "have the files of the group, as MuonTrap has them" do
      daemon = start("exec sleep 100")
      assert %{"cpu.stat" => %{"usage_usec" => usage}} = Daemon.statistics(daemon).cgroup
      assert is_integer(usage)
      assert {:ok, text} = Daemon.cgget(daemon, "cpu.stat")
      assert text =~ "usage_usec"
      assert Daemon.cgget(daemon, "cgroup.no_such") == {:error, :enoent}
      assert_raise ArgumentError, fn -> Daemon.cgget(daemon, "../cpu.stat") end
    end
  end

  describe "control groups" do
    @tag skip: Needs.groups()
    test "the path is below /sys/fs/cgroup" do
      daemon = start("exec sleep 100")
      path = Path.join("/sys/fs/cgroup", Daemon.cgroup_path(daemon))
      assert File.read!(Path.join(path, "cgroup.procs")) == "#{Daemon.os_pid(daemon)}\n"
    end

    @tag skip: Needs.limits([:memory, :pids])
    test "limits are told as they were given, and can be changed" do
      config = %{memory_max: 64 * 1024 * 1024, pids_max: 50}
      daemon = start("exec sleep 100", cgroup: config, cgroup_base: "daemons")
      assert Map.take(Daemon.cgroup_config(daemon), [:memory_max, :pids_max]) == config
      assert Daemon.set_limits(daemon, pids: 40) == :ok
      assert Daemon.cgroup_config(daemon).pids_max == 40
    end

    @tag skip: Needs.limits([:memory, :pids])
    test "changed limits outlive a restart of the program, refused ones do not" do
      daemon = start("exec sleep 100", limits: [memory: "64M", pids: 50])
      assert Daemon.set_limits(daemon, pids: 40) == :ok
      assert {:error, %{stage: _}} = Daemon.set_limits(daemon, hugetlb: [{"3MB", 0}])
      # Those that were set for a program that has been followed by another are set again.
      assert GenServer.call(daemon, {:keep_limits, make_ref(), [pids: 1]}) == :again
      before = Daemon.os_pid(daemon)
      assert Daemon.restart(daemon) == :ok
      assert Daemon.os_pid(daemon) != before
      assert %{memory_max: 67_108_864, pids_max: 40} = Daemon.cgroup_config(daemon)
    end

    @tag skip: Needs.limits([:cpu])
    test "a quota is told with its period" do
      daemon = start("exec sleep 100", limits: [cpu: 0.5])
      assert Daemon.cgroup_config(daemon).cpu_max == {50_000, 100_000}
    end

    test "processes are those of the program" do
      daemon = start("sleep 100 & echo $!; wait", on_output: self())
      assert_receive {Daemon, ^daemon, {:output, :stdout, child}}, 5_000
      assert {:ok, processes} = Daemon.processes(daemon)
      pids = for %{pid: pid} <- processes, do: pid

      assert Enum.sort(pids) ==
               Enum.sort([Daemon.os_pid(daemon), String.to_integer(String.trim(child))])
    end

    test "without a program there is nothing to ask" do
      daemon = start("exit 1", backoff: [min: 60_000, max: 60_000])
      eventually(fn -> Daemon.info(daemon).state == :backing_off end)
      assert Daemon.os_pid(daemon) == :error
      assert Daemon.signal(daemon, :hup) == {:error, :not_running}
      assert Daemon.write(daemon, "x") == {:error, :not_running}
      assert Daemon.pause(daemon) == {:error, :not_running}
      assert Daemon.cgget(daemon, "cpu.stat") == {:error, :no_cgroup}
      assert Daemon.cgroup_path(daemon) == nil
      assert Daemon.cgroup_config(daemon) == %{}
      assert %{cgroup: %{}, uptime_ms: 0} = Daemon.statistics(daemon)
      assert Daemon.stop(daemon) == :ok
    end
  end

  test "the pid file holds the program's id while it runs" do
    path = Path.join(tmp_dir(), "pid")
    daemon = start("exec sleep 100", pidfile: path)
    assert File.read!(path) == "#{Daemon.os_pid(daemon)}\n"
    Daemon.restart(daemon)
    assert File.read!(path) == "#{Daemon.os_pid(daemon)}\n"

    assert {:error, %{stage: :pidfile, reason: :eexist}} =
             Daemon.start_link("sleep", ["100"], pidfile: path)

    assert File.read!(path) == "#{Daemon.os_pid(daemon)}\n"
    Daemon.stop(daemon)
    refute File.exists?(path)
  end

  test "D14: what a daemon tells goes to nobody when the subscriber has left" do
    daemon = start("read x; echo $x; exec cat", stdin: :pipe, capture: true)
    task = Task.async(fn -> Daemon.subscribe(daemon) end)
    Task.await(task)
    Daemon.write(daemon, "x\n")
    eventually(fn -> Daemon.statistics(daemon).output_byte_count == 2 end)
    assert Daemon.info(daemon).state == :running
  end

  # By an init, which is to be had with any control groups.
  @tag skip: Contained.Needs.isolation()
  test "the end of an orphan is an event" do
    script = "read x; (sh -c 'exit 120' &); exec cat"
    opts = [stdin: :pipe, orphans: true, pid_isolation: true, cd: "/"]
    daemon = start(script, opts)
    Daemon.subscribe(daemon)
    assert :ok = Daemon.write(daemon, "go\n")
    assert_receive {Daemon, ^daemon, {:orphan_exit, _os_pid, {:exited, 120}}}, 20_000
    assert :ok = Daemon.stop(daemon)
  end
end
