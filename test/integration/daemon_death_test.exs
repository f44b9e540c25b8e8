defmodule Contained.DaemonDeathTest do
  # What ends a daemon's program when not the daemon does: its VM, its launcher, the port program.
  use Contained.Case, async: false

  import Contained.Proc

  alias Contained.{Daemon, Launcher, VM}

  @moduletag :port
  @moduletag :capture_log
  @moduletag timeout: 300_000

  @daemons 100

  test "the VM is killed with #{@daemons} chatty daemons: all are gone within 2 s" do
    dir = tmp_dir()

    within("VM SIGKILL, #{@daemons} chatty daemons", [median: 2_000, max: 2_000], 1, fn ->
      vm = VM.start(:daemons, [@daemons, dir])
      pids = marked(vm.marker)
      assert length(pids) == @daemons
      ms = gone_after(pids, fn -> kill("KILL", vm.os_pid) end)
      VM.await_end(vm)
      assert_program_gone(vm)
      ms
    end)
  end

  @generation """
  for pid in $(cat "$0/alive" 2>/dev/null); do
    if read -r _ _ state _ 2>/dev/null </proc/$pid/stat && [ "$state" != Z ]; then
      echo "overlap $pid $state" >>"$0/log"
    fi
  done
  trap '' TERM
  setsid sleep 1000 &
  echo $$ $! >"$0/alive"
  echo run >>"$0/log"
  while :; do sleep 1; done
  """

  defp start(dir, opts) do
    Process.flag(:trap_exit, true)
    opts = [delay_to_sigkill: 300] ++ opts
    {:ok, daemon} = Daemon.start_link("sh", ["-c", @generation, dir], opts)
    on_exit(fn -> Process.exit(daemon, :kill) end)
    daemon
  end

  defp runs(dir) do
    case File.read(Path.join(dir, "log")) do
      {:ok, text} -> String.split(text, "\n", trim: true)
      {:error, :enoent} -> []
    end
  end

  defp alive(dir) do
    dir |> Path.join("alive") |> File.read!() |> String.split() |> Enum.filter(&os_alive?/1)
  end

  defp launcher do
    {:ok, launcher} = GenServer.start(Launcher, [])
    on_exit(fn -> Process.exit(launcher, :kill) end)
    launcher
  end

  for victims <- [[:worker], [:guardian], [:worker, :guardian]] do
    test "muontrap 9: the #{Enum.join(victims, " and the ")} is killed: relaunched, without overlap" do
      dir = tmp_dir()
      launcher = launcher()
      daemon = start(dir, launcher: launcher, restart: :temporary)
      eventually(fn -> length(runs(dir)) == 1 end)
      os_pids = launcher_info(launcher).os_pids
      kill("KILL", for(victim <- unquote(victims), do: os_pids[victim]))
      eventually(fn -> length(runs(dir)) >= 2 end, 30_000)
      assert runs(dir) == ["run", "run"]
      assert %{restarts: 1, last_result: %{reason: :launcher_down}} = Daemon.info(daemon)
      Daemon.stop(daemon)
      assert alive(dir) == []
    end
  end

  test "the launcher is killed, and its successor runs the next one when the last has ended" do
    dir = tmp_dir()
    name = :"#{__MODULE__}.Launcher"
    start_supervised!({Launcher, name: name})
    daemon = start(dir, launcher: name)
    eventually(fn -> length(runs(dir)) == 1 end)
    Process.exit(Process.whereis(name), :kill)
    eventually(fn -> length(runs(dir)) >= 2 end, 30_000)
    assert runs(dir) == ["run", "run"]
    Daemon.stop(daemon)
    assert alive(dir) == []
  end

  test "a launcher of its own is replaced" do
    dir = tmp_dir()
    daemon = start(dir, launcher: :dedicated)
    eventually(fn -> length(runs(dir)) == 1 end)
    os_pid = Daemon.os_pid(daemon)
    [launcher] = for %{pid: pid, commands: _} <- commands_of(os_pid), do: pid
    kill("KILL", launcher_info(launcher).os_pids.worker)
    eventually(fn -> length(runs(dir)) >= 2 end, 30_000)
    assert runs(dir) == ["run", "run"]
    Daemon.stop(daemon)
    assert alive(dir) == []
  end

  defp commands_of(os_pid) do
    for %{os_pid: ^os_pid, launcher: pid} <- Contained.info().commands,
        do: %{pid: pid, commands: 1}
  end

  test "a launcher that was given as a process and is gone is the daemon's end" do
    dir = tmp_dir()
    launcher = launcher()
    daemon = start(dir, launcher: launcher)
    eventually(fn -> length(runs(dir)) == 1 end)
    Process.exit(launcher, :kill)
    assert_receive {:EXIT, ^daemon, :launcher_down}, 20_000
    eventually(fn -> alive(dir) == [] end)
  end

  test "on_launcher_down: :exit leaves it to the supervisor" do
    dir = tmp_dir()
    launcher = launcher()
    daemon = start(dir, launcher: launcher, on_launcher_down: :exit)
    eventually(fn -> length(runs(dir)) == 1 end)
    kill("KILL", launcher_info(launcher).os_pids.worker)
    assert_receive {:EXIT, ^daemon, :launcher_down}, 20_000
    eventually(fn -> alive(dir) == [] end)
  end

  test "a port program that dies at every start is a start error" do
    Process.flag(:trap_exit, true)
    path = script(tmp_dir(), "port", "#!/bin/sh\nexit 1\n")
    Contained.FakePort.use_program(path)

    assert {:error, %Contained.Error{stage: :launcher, reason: :launcher_down}} =
             Daemon.start_link("sleep", ["100"], launcher: launcher())
  end

  test "a launcher that is shut down in order takes its daemons' programs with it, once" do
    dir = tmp_dir()
    name = :"#{__MODULE__}.Orderly"

    start_supervised!(
      Supervisor.child_spec({Launcher, name: name}, id: name, restart: :permanent)
    )

    daemon = start(dir, launcher: name)
    eventually(fn -> length(runs(dir)) == 1 end)
    :ok = stop_supervised(name)
    eventually(fn -> alive(dir) == [] end)
    start_supervised!(Supervisor.child_spec({Launcher, name: name}, id: name))
    eventually(fn -> length(runs(dir)) >= 2 end, 20_000)
    assert runs(dir) == ["run", "run"]
    Daemon.stop(daemon)
  end

  test "a port program that hangs is found out, also while a stop waits for it" do
    dir = tmp_dir()
    launcher = launcher()
    daemon = start(dir, launcher: launcher)
    eventually(fn -> length(runs(dir)) == 1 end)
    kill("STOP", launcher_info(launcher).os_pids.worker)
    assert Daemon.stop(daemon) == :ok
    assert alive(dir) == []
  end

  test "daemons leave nothing: no process, no session, no file" do
    launcher = launcher()
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    processes = length(Process.list())

    for n <- 1..20 do
      opts = [
        launcher: launcher,
        ready: {:output, ~r/x/},
        log_to: {:file, Path.join(tmp_dir(), "l")}
      ]

      {:ok, daemon} = Daemon.start_link("sh", ["-c", "echo x; exec sleep 100"], opts)
      if rem(n, 2) == 0, do: Daemon.stop(daemon), else: Process.exit(daemon, :kill)
      if rem(n, 2) == 1, do: Process.unlink(daemon)
    end

    eventually(fn -> GenServer.call(launcher, :info).sessions == 0 end, 20_000)
    assert_program_idle(launcher_info(launcher))
    eventually(fn -> length(Process.list()) <= processes + 2 end)
  end
end
