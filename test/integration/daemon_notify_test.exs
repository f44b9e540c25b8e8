defmodule Contained.DaemonNotifyTest do
  # Programs that tell what they do by sd_notify(3), and those that fall silent.
  use Contained.Case, async: true

  import ExUnit.CaptureLog

  alias Contained.{Daemon, Needs}

  @moduletag :port
  @moduletag :capture_log

  setup do
    Process.flag(:trap_exit, true)
    %{dir: tmp_dir()}
  end

  # A watcher, for events that come before start_link returns.
  defp start(words, opts), do: start(helper_path("notify"), words, opts)

  defp start(program, args, opts) do
    with {:ok, daemon} <- Daemon.start_link(program, args, opts) do
      on_exit(fn -> Process.exit(daemon, :kill) end)
      daemon
    end
  end

  # Its start waits for nothing, so that all its events can be heard.
  defp watched(words, opts) do
    test = self()
    go = fn -> receive(do: ({:go, ^test} -> :ok)) end
    wait_for = fn -> send(test, {:waiting, self()}) && go.() end
    daemon = start(words, [wait_for: wait_for, ready: :notify] ++ opts)
    :ok = Daemon.subscribe(daemon)
    assert_receive {:waiting, pid}, 30_000
    send(pid, {:go, test})
    daemon
  end

  defp heard(daemon, event), do: assert_receive({Daemon, ^daemon, ^event}, 30_000)

  test "the start waits until the program says that it is ready", %{dir: dir} do
    file = Path.join(dir, "there")
    daemon = start(["-s", "100", "-f", file, "READY=1", "-l"], ready: :notify)
    assert File.exists?(file)
    assert Daemon.info(daemon).ready
    assert Daemon.stop(daemon) == :ok
  end

  test "a child of it may say so, and each run has to", %{dir: dir} do
    script = "echo run >> #{dir}/runs; \"$@\"; exec sleep 100"
    args = ["-c", script, "sh", helper_path("notify"), "READY=1|STATUS=up", "-b"]
    daemon = start("sh", args, ready: :notify)
    assert Daemon.info(daemon).status == "up"
    before = Daemon.os_pid(daemon)
    assert Daemon.restart(daemon) == :ok
    assert Daemon.os_pid(daemon) != before
    assert File.read!("#{dir}/runs") == "run\nrun\n"
  end

  test "what it tells is told on" do
    daemon =
      watched(["STATUS=half \xff way", "READY=1", "RELOADING=1|X_MINE=7", "READY=1", "-l"], [])

    heard(daemon, {:status, "half \u{FFFD} way"})
    heard(daemon, :ready)
    heard(daemon, {:notified, %{"X_MINE" => "7"}})
    heard(daemon, :reloading)
    assert %{status: "half \u{FFFD} way", ready: true} = Daemon.info(daemon)
  end

  test "its pid is the one that was started, and descriptors are not kept" do
    logged =
      capture_log(fn ->
        daemon = watched(["MAINPID=1|FDSTORE=1", "READY=1", "-l"], [])
        heard(daemon, :ready)
        assert Daemon.os_pid(daemon) != 1
        Daemon.stop(daemon)
      end)

    assert logged =~ "MAINPID=1 is ignored"
    assert logged =~ "FDSTORE=1 is ignored"
  end

  test "what it says while it is stopped is heard", %{dir: dir} do
    file = Path.join(dir, "heard")
    words = ["READY=1", "-t", "STOPPING=1", "-b", "-f", file]
    daemon = watched(words, delay_to_sigkill: 60_000)
    heard(daemon, :ready)
    assert Daemon.stop(daemon) == :ok
    heard(daemon, :stopping)
    assert File.exists?(file)
  end

  test "one that never says it is an error of the start" do
    {:error, error} = start(["-l"], ready: :notify, ready_timeout: 200)
    assert %{stage: :ready, reason: :timeout} = error
  end

  test "one that needs longer may say so" do
    words = ["EXTEND_TIMEOUT_USEC=60000000", "-s", "#{within(1_700)}", "READY=1", "-l"]
    daemon = start(words, ready: :notify, ready_timeout: within(1_500))
    assert Daemon.info(daemon).ready
  end

  test "the socket is found by another user, and in the daemon's environment alone" do
    skip = Needs.root()
    user = if skip, do: [], else: [user: 65_534, group: 65_534, groups: []]
    assert Daemon.info(start(["READY=1", "-l"], [ready: :notify] ++ user)).ready
    test = self()
    opts = [on_output: test, env: [{"NOTIFY_SOCKET", nil}]]
    daemon = start("sh", ["-c", "echo ${NOTIFY_SOCKET-none}; exec sleep 100"], opts)
    assert_receive {Daemon, ^daemon, {:output, :stdout, "none\n"}}, 30_000
  end

  # Where abstract names are others'.
  @tag skip: Needs.root()
  test "with a network of its own it is a file" do
    test = self()
    script = "echo $NOTIFY_SOCKET; \"$@\"; exec sleep 100"
    args = ["-c", script, "sh", helper_path("notify"), "READY=1", "-b"]
    opts = [ready: :notify, network: :none, pid_isolation: true, on_output: test]

    for user <- [[], [user: 65_534, group: 65_534, groups: []]] do
      daemon = start("sh", args, opts ++ user)
      assert_receive {Daemon, ^daemon, {:output, :stdout, "/" <> _ = path}}, 30_000
      path = String.trim(path)
      assert File.exists?(path)
      assert Daemon.stop(daemon) == :ok
      eventually(fn -> not File.exists?(Path.dirname(path)) end, 30_000)
    end
  end

  test "not where the file would not be found" do
    for hiding <- [[chroot: "/"], [root: "/"], [tmpfs: [{System.tmp_dir!(), "1M"}]]] do
      opts = [ready: :notify, network: :none] ++ hiding
      assert {:error, {%ArgumentError{} = error, _}} = start(["READY=1", "-l"], opts)
      assert Exception.message(error) =~ "a network of its own and"
    end
  end

  test "the end of what listens is the daemon's" do
    daemon = start(["READY=1", "-l"], ready: :notify)
    %{notify: %{pid: listener}} = :sys.get_state(daemon)
    Process.exit(listener, :kill)
    assert_receive {:EXIT, ^daemon, {:notify, :killed}}, 30_000
  end

  describe "watchdog" do
    test "one that is silent is stopped, and has failed" do
      daemon = watched(["READY=1", "-l"], watchdog: 200)
      heard(daemon, :watchdog)
      assert_receive {Daemon, ^daemon, {:limit_hit, :watchdog}}, 30_000
      assert_receive {Daemon, ^daemon, {:exited, %{reason: :watchdog}}}, 30_000
      assert_receive {:EXIT, ^daemon, :watchdog}, 30_000
    end

    test "it is started again where failures are" do
      opts = [watchdog: 100, backoff: [min: 0, max: 0], max_restarts: 2]
      daemon = watched(["READY=1", "-l"], opts)
      for _ <- 1..3, do: heard(daemon, :watchdog)
      assert_receive {:EXIT, ^daemon, :watchdog}, 30_000
    end

    test "one that is heard of in time goes on, until it asks to be stopped" do
      pings = List.flatten(List.duplicate(["-s", "100", "WATCHDOG=1"], 20))
      daemon = watched(["READY=1"] ++ pings ++ ["STATUS=done", "-l"], watchdog: within(1_000))
      heard(daemon, {:status, "done"})
      daemon = watched(["READY=1", "WATCHDOG=trigger", "-l"], watchdog: 60_000)
      heard(daemon, :watchdog)
    end

    test "it may change the time, also to none" do
      words = ["READY=1", "WATCHDOG_USEC=0", "-s", "700", "WATCHDOG_USEC=50000", "-l"]
      daemon = watched(words, watchdog: within(500))
      heard(daemon, :ready)
      heard(daemon, :watchdog)
    end

    test "one that is paused cannot be heard" do
      daemon = start(["READY=1", "-l"], ready: :notify, watchdog: within(1_000))
      assert Daemon.pause(daemon) == :ok
      :ok = Daemon.subscribe(daemon)
      refute_receive {Daemon, ^daemon, :watchdog}, within(1_300)
      assert Daemon.resume(daemon) == :ok
      heard(daemon, :watchdog)
    end

    test "without ready: it is counted from the start" do
      daemon = start(["STATUS=up", "-l"], watchdog: 200)
      assert_receive {:EXIT, ^daemon, :watchdog}, 30_000
    end
  end

  describe "real programs" do
    @tag skip: Needs.program("systemd-notify")
    test "systemd-notify" do
      script = "systemd-notify --ready --status=fine; exec sleep 100"
      daemon = start("sh", ["-c", script], ready: :notify, ready_timeout: within(30_000))
      assert Daemon.info(daemon).status == "fine"
    end

    @tag skip: Needs.program("redis-server")
    test "redis-server --supervised systemd", %{dir: dir} do
      args = ["--port", "0", "--unixsocket", "#{dir}/socket", "--supervised", "systemd"]
      opts = [cd: dir, ready: :notify, ready_timeout: within(30_000), delay_to_sigkill: 5_000]
      daemon = start("redis-server", args, opts)
      assert File.exists?("#{dir}/socket")
      assert Daemon.info(daemon).status =~ "Ready to accept connections"
      assert Daemon.stop(daemon) == :ok
    end
  end
end
