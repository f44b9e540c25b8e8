defmodule Contained.SingleInstanceTest do
  # `single_instance:` - one of it on the machine, whoever starts the other.
  use Contained.Case, async: true

  import Contained.Proc, only: [kill: 2, launcher_info: 1]

  alias Contained.{Daemon, Needs}

  @moduletag :port
  @moduletag :capture_log

  setup do
    Process.flag(:trap_exit, true)
    dir = tmp_dir()
    %{dir: dir, path: Path.join(dir, "lock")}
  end

  defp start(path, opts \\ [], script \\ "exec sleep 100") do
    with {:ok, daemon} <-
           Daemon.start_link("sh", ["-c", script], [single_instance: path] ++ opts) do
      on_exit(fn -> Process.exit(daemon, :kill) end)
      daemon
    end
  end

  # The file is written beside the daemon.
  defp noted(path, os_pid), do: eventually(fn -> File.read!(path) == "#{os_pid}\n" end, 30_000)

  defp holder(daemon), do: :sys.get_state(daemon).lock.process.os_pid

  test "the second is refused, and told who runs; after the first it is not", %{path: path} do
    first = start(path)
    os_pid = Daemon.os_pid(first)
    noted(path, os_pid)
    assert start(path, id: :other) == {:error, {:already_running, os_pid}}
    assert_receive {:EXIT, _pid, {:already_running, ^os_pid}}, 30_000
    assert Daemon.stop(first) == :ok
    assert File.read!(path) == ""
    second = start(path)
    noted(path, Daemon.os_pid(second))
    assert Daemon.stop(second) == :ok
  end

  @tag skip: Needs.program("flock")
  test "flock(1) is refused as well, and refuses", %{path: path} do
    first = start(path)
    assert {_, 1} = System.cmd("flock", ["-n", path, "true"])
    Daemon.stop(first)
    {:ok, other} = Contained.start("flock", [path, "sh", "-c", "echo; exec sleep 100"])
    assert {:stdout, "\n"} = Contained.Process.next(other)
    assert start(path) == {:error, {:already_running, nil}}
    Contained.Process.stop(other)
  end

  test "it is held over restarts, and names the program that runs", %{path: path} do
    daemon = start(path, backoff: [min: 0, max: 0])
    first = Daemon.os_pid(daemon)
    noted(path, first)
    holder = holder(daemon)
    kill("KILL", first)
    eventually(fn -> Daemon.os_pid(daemon) not in [first, :error] end, 30_000)
    noted(path, Daemon.os_pid(daemon))
    assert holder(daemon) == holder
  end

  for launcher <- [:shared, :dedicated] do
    test "one that is killed is followed by the next of its slot (#{launcher})", %{path: path} do
      opts =
        [id: :mine] ++ if unquote(launcher) == :dedicated, do: [launcher: :dedicated], else: []

      daemon = start(path, opts, "trap '' TERM; while :; do sleep 0.05; done")
      before = Daemon.os_pid(daemon)
      Process.exit(daemon, :kill)
      next = start(path, opts)
      refute os_alive?(before)
      noted(path, Daemon.os_pid(next))
    end
  end

  test "who holds it is replaced when it is killed", %{path: path} do
    daemon = start(path)
    noted(path, Daemon.os_pid(daemon))
    holder = holder(daemon)
    kill("KILL", holder)
    eventually(fn -> holder(daemon) not in [holder, nil] end, 30_000)
    eventually(fn -> :sys.get_state(daemon).lock.held? end, 30_000)
    noted(path, Daemon.os_pid(daemon))
    assert start(path, id: :other) == {:error, {:already_running, Daemon.os_pid(daemon)}}
  end

  test "the port program dies: lock and program are there again", %{path: path} do
    {:ok, launcher} = Contained.Launcher.start_link()
    daemon = start(path, launcher: launcher)
    before = Daemon.os_pid(daemon)
    noted(path, before)
    kill("KILL", launcher_info(launcher).os_pids.worker)
    eventually(fn -> Daemon.os_pid(daemon) not in [before, :error] end, 30_000)
    noted(path, Daemon.os_pid(daemon))
    assert {:error, {:already_running, _}} = start(path, id: :other)
    Daemon.stop(daemon)
    GenServer.stop(launcher)
  end

  test "what is no file of ours is refused", %{dir: dir, path: path} do
    File.write!(path, "text\n")
    assert {:error, %{stage: :lock, reason: :eperm, subject: ^path} = error} = start(path)
    assert Exception.message(error) =~ "holds nothing but a number"
    assert File.read!(path) == "text\n"
    assert {:error, %{reason: :enoent}} = start(Path.join(dir, "no/lock"))
    assert {:error, {%ArgumentError{}, _}} = start(path, pidfile: path)
  end
end
