defmodule Contained.DaemonPoliciesTest do
  # Restarts inside the daemon, limits of run time, and what is said of them.
  use Contained.Case, async: true

  alias Contained.Daemon

  @moduletag :port
  @moduletag :capture_log

  setup do
    Process.flag(:trap_exit, true)
    dir = tmp_dir()
    %{dir: dir, log: Path.join(dir, "log")}
  end

  defp start(script, opts) do
    {:ok, daemon} = Daemon.start_link("sh", ["-c", script], opts)
    on_exit(fn -> Process.exit(daemon, :kill) end)
    daemon
  end

  defp runs(log) do
    case File.read(log) do
      {:ok, text} -> String.split(text, "\n", trim: true)
      {:error, :enoent} -> []
    end
  end

  test "backoff: :transient runs until it has ended well", %{log: log} do
    script = "echo run >>#{log}; test $(wc -l <#{log}) -ge 4"
    daemon = start(script, backoff: [min: 1, max: 2], restart: :transient)
    assert_receive {:EXIT, ^daemon, :normal}, 10_000
    assert length(runs(log)) == 4
  end

  test "max_restarts ends it with the reason of the last run", %{log: log} do
    opts = [backoff: {0, 0}, max_restarts: 3, exit_status_to_reason: &{:status, &1}]
    daemon = start("echo run >>#{log}; exit 7", opts)
    assert_receive {:EXIT, ^daemon, {:status, 7}}, 10_000
    assert length(runs(log)) == 4
  end

  test "a program that cannot be started again is tried again", %{dir: dir, log: log} do
    path = script(dir, "program", "#!/bin/sh\necho run >>#{log}\n")
    {:ok, daemon} = Daemon.start_link(path, [], backoff: [min: 10, max: 20])
    eventually(fn -> length(runs(log)) >= 2 end)
    File.rename!(path, path <> ".away")
    eventually(fn -> Daemon.info(daemon).state == :backing_off end)
    before = Daemon.info(daemon).restarts
    eventually(fn -> Daemon.info(daemon).restarts > before + 2 end)
    many = length(runs(log))
    File.rename!(path <> ".away", path)
    eventually(fn -> length(runs(log)) > many end)
    Daemon.stop(daemon)
  end

  test "a stop while it waits between two runs is at once", %{log: log} do
    daemon = start("echo run >>#{log}; exit 1", backoff: [min: 60_000, max: 60_000])
    eventually(fn -> Daemon.info(daemon).state == :backing_off end)
    assert Daemon.stop(daemon) == :ok
    assert runs(log) == ["run"]
  end

  test "restart while it waits does not wait", %{log: log} do
    script = "echo run >>#{log}; test $(wc -l <#{log}) -ge 2 && exec sleep 100; exit 1"
    daemon = start(script, backoff: [min: 60_000, max: 60_000])
    eventually(fn -> Daemon.info(daemon).state == :backing_off end)
    assert Daemon.restart(daemon) == :ok
    assert Daemon.info(daemon).state == :running
    Daemon.stop(daemon)
  end

  test "interval runs again what ended well", %{log: log} do
    daemon = start("echo run >>#{log}", interval: 10)
    eventually(fn -> length(runs(log)) >= 3 end)
    Daemon.stop(daemon)
    daemon = start("exit 2", interval: 10)
    assert_receive {:EXIT, ^daemon, :error_exit_status}, 10_000
  end

  @generation """
  trap '' TERM
  read -r old 2>/dev/null <"$0/pid" && read -r _ _ state _ 2>/dev/null </proc/$old/stat &&
    [ "$state" != Z ] && echo overlap >>"$0/log"
  echo $$ >"$0/pid"
  echo run >>"$0/log"
  while :; do sleep 0.05; done
  """

  test "D5: max_runtime starts the next when the last is dead", %{dir: dir, log: log} do
    opts = [max_runtime: 100, delay_to_sigkill: 200]
    {:ok, daemon} = Daemon.start_link("sh", ["-c", @generation, dir], opts)
    Daemon.subscribe(daemon)
    assert_receive {Daemon, ^daemon, {:limit_hit, :max_runtime}}, 20_000
    assert_receive {Daemon, ^daemon, {:exited, %{reason: :timeout}}}, 20_000
    eventually(fn -> length(runs(log)) >= 4 end, 20_000)
    Daemon.stop(daemon)
    assert Enum.uniq(runs(log)) == ["run"]
  end

  test "D6: max_runtime is for each run, not a period", %{log: log} do
    # A period of 2 s would end the second or third run early.
    script = "echo run >>#{log}; sleep 1.2; echo whole >>#{log}; exit 1"
    daemon = start(script, max_runtime: within(20_000), backoff: {0, 0}, max_restarts: 2)
    assert_receive {:EXIT, ^daemon, :error_exit_status}, within(30_000)
    assert runs(log) == ~w(run whole run whole run whole)
  end

  test "on_timeout: :stop ends the daemon" do
    daemon = start("exec sleep 100", max_runtime: 50, on_timeout: :stop)
    assert_receive {:EXIT, ^daemon, :timeout}, 20_000
  end

  test "max_output is a failure of its own" do
    daemon = start("exec yes", max_output: 10_000)
    assert_receive {:EXIT, ^daemon, :output_limit}, 20_000
  end

  test "a later run that does not become ready is a failure", %{dir: dir, log: log} do
    # Only the first run finds the file away, makes it, and has it removed.
    path = Path.join(dir, "ready")

    script =
      "echo run >>#{log}; test $(wc -l <#{log}) = 1 && echo >#{path}; sleep 0.1; rm -f #{path}; exec sleep 100"

    opts = [ready: {:file, path}, ready_timeout: within(5_000)]
    daemon = start(script, opts)
    eventually(fn -> not File.exists?(path) end)
    {:links, _} = Process.info(daemon, :links)
    assert {:error, _} = Daemon.restart(daemon, within(60_000))
    assert_receive {:EXIT, ^daemon, %Contained.Error{stage: :ready, reason: :timeout}}, 5_000
    assert length(runs(log)) == 2
  end

  test "D9: the pid file is right in every run", %{dir: dir, log: log} do
    pidfile = Path.join(dir, "pid")

    script =
      "echo run >>#{log}; while ! test -s #{pidfile}; do sleep 0.01; done; test $(cat #{pidfile}) = $$ || echo wrong >>#{log}; exit 1"

    daemon = start(script, pidfile: pidfile, backoff: {0, 0}, max_restarts: 5)
    assert_receive {:EXIT, ^daemon, :error_exit_status}, 20_000
    assert runs(log) == List.duplicate("run", 6)
    refute File.exists?(pidfile)
  end
end
