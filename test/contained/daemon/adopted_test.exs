defmodule Contained.Daemon.AdoptedTest do
  use Contained.Case, async: false

  import Contained.Jobs

  alias Contained.{Daemon, Job, Result}

  @moduletag :port
  @moduletag :capture_log
  @moduletag timeout: 120_000

  setup do
    Process.flag(:trap_exit, true)
    {:ok, namespace: namespace()}
  end

  defp options(namespace, more \\ []), do: [adopt: {namespace, "db"}] ++ more

  test "a program is started as a job, outlives the daemon, and is adopted", %{namespace: ns} do
    {:ok, daemon} = Daemon.start_link("sleep", ["1000"], options(ns))
    os_pid = Daemon.os_pid(daemon)
    assert os_alive?(os_pid)
    assert %{state: :running, job: {^ns, "db"}, os_pid: ^os_pid} = Daemon.info(daemon)

    GenServer.stop(daemon, :shutdown)
    assert os_alive?(os_pid)
    assert Job.check(ns, "db")

    {:ok, daemon} = Daemon.start_link("sleep", ["1000"], options(ns))
    assert Daemon.os_pid(daemon) == os_pid
    assert :ok = Daemon.stop(daemon)
    refute os_alive?(os_pid)
  end

  test "a daemon that is killed leaves its program", %{namespace: ns} do
    {:ok, daemon} = Daemon.start_link("sleep", ["1000"], options(ns))
    os_pid = Daemon.os_pid(daemon)
    Process.exit(daemon, :kill)
    assert_receive {:EXIT, ^daemon, :killed}
    assert os_alive?(os_pid)
  end

  test "a supervisor keeps it up", %{namespace: ns} do
    child = {Daemon, ["sh", ["-c", "exec sleep 1000"], options(ns)]}
    {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one)
    [{_, daemon, _, _}] = Supervisor.which_children(supervisor)
    first = Daemon.os_pid(daemon)
    Contained.Proc.kill("KILL", first)

    second =
      eventually(fn ->
        case Job.info(ns, "db") do
          {:ok, %{state: :running, os_pid: os_pid}} when os_pid != first -> os_pid
          _other -> nil
        end
      end)

    Supervisor.stop(supervisor)
    assert os_alive?(second)
  end

  test "its end is the daemon's, as its status says", %{namespace: ns} do
    for {line, reason} <- [{"exit 0", :normal}, {"exit 3", :error_exit_status}] do
      {:ok, daemon} = Daemon.start_link("sh", ["-c", "sleep 0.2; " <> line], options(ns))
      assert_receive {:EXIT, ^daemon, ^reason}, within(20_000)
    end
  end

  test "one that is stopped by its name ends the daemon with :stopped", %{namespace: ns} do
    {:ok, daemon} = Daemon.start_link("sleep", ["1000"], options(ns))
    Daemon.subscribe(daemon)
    assert {:ok, %Result{}} = Job.stop(ns, "db")
    assert_receive {Daemon, ^daemon, {:exited, %Result{reason: :stopped}}}, within(20_000)
    assert_receive {:EXIT, ^daemon, :stopped}, within(20_000)
  end

  test "with on_shutdown: :stop it goes with the daemon", %{namespace: ns} do
    {:ok, daemon} = Daemon.start_link("sleep", ["1000"], options(ns, on_shutdown: :stop))
    os_pid = Daemon.os_pid(daemon)
    GenServer.stop(daemon, :shutdown)
    refute os_alive?(os_pid)
  end

  test "back-off and restart by hand", %{namespace: ns} do
    opts = options(ns, backoff: [min: 10, max: 10], max_restarts: 2)
    {:ok, daemon} = Daemon.start_link("sh", ["-c", "sleep 0.1; exit 1"], opts)
    assert_receive {:EXIT, ^daemon, :error_exit_status}, within(20_000)

    {:ok, daemon} = Daemon.start_link("sleep", ["1000"], options(ns))
    first = Daemon.os_pid(daemon)
    assert :ok = Daemon.restart(daemon)
    assert Daemon.os_pid(daemon) not in [first, :error]
    refute os_alive?(first)
    assert %{restarts: 1} = Daemon.info(daemon)
  end

  test "the rest of a daemon's functions", %{namespace: ns} do
    script = "trap 'exit 4' HUP; while :; do sleep 0.05; done"
    {:ok, daemon} = Daemon.start_link("sh", ["-c", script], options(ns))
    assert :ok = Daemon.await_ready(daemon)
    assert {:ok, [_ | _]} = Daemon.processes(daemon)
    assert %{restarts: 0, usage: %{}} = Daemon.statistics(daemon)
    assert :ok = Daemon.pause(daemon)
    assert :ok = Daemon.resume(daemon)
    assert :ok = Daemon.reopen(daemon)
    assert {:error, :not_running} = Daemon.write(daemon, "x")
    assert {:error, :no_cgroup} = Daemon.cgget(daemon, "cgroup.procs")
    assert :ok = Daemon.reload(daemon)
    assert_receive {:EXIT, ^daemon, :error_exit_status}, within(20_000)
  end

  test "a program that is not found is the error of the start", %{namespace: ns} do
    assert {:error, %Contained.Error{stage: :exec, reason: :enoent}} =
             Daemon.start_link("/nonexistent", [], options(ns))
  end

  for {opts, what} <- [
        {[adopt: {"a", "x"}, log_output: :info], "log_output"},
        {[adopt: {"a", "x"}, ready: {:tcp, 1}], "ready"},
        {[adopt: "x"], "adopt"},
        {[on_shutdown: :stop], "on_shutdown"}
      ] do
    test "#{inspect(opts)} is refused" do
      assert {:error, {%ArgumentError{message: message}, _stack}} =
               Daemon.start_link("true", [], unquote(Macro.escape(opts)))

      assert message =~ unquote(what)
    end
  end
end
