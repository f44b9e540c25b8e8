defmodule Contained.Daemon.StatusFileTest do
  use Contained.Case, async: true

  import ExUnit.CaptureLog

  alias Contained.{Daemon, Error, Result}
  alias Contained.Daemon.StatusFile

  setup do
    {:ok, path: Path.join(tmp_dir(), "status")}
  end

  # The lines without their times, which are checked here.
  defp lines(path) do
    for line <- path |> File.read!() |> String.split("\n", trim: true) do
      [time, rest] = String.split(line, " ", parts: 2)
      {:ok, _time, 0} = DateTime.from_iso8601(time)
      rest
    end
  end

  test "has a line for each event but output", %{path: path} do
    exited = %Result{exit: {:exited, 3}, reason: :exit}
    killed = %Result{exit: {:signaled, 9, false}, reason: :oom}

    silent = [
      :watchdog,
      {:signal, :hup, :leader},
      {:status, "half way"},
      {:notified, %{"A" => "1"}}
    ]

    lost = %Result{exit: nil, reason: :launcher_down}

    for event <-
          [:ready, {:output, :stdout, "x"}, {:exited, exited}, {:exited, killed}] ++ silent,
        do: assert(StatusFile.write(path, event, 7, "a b") == :ok)

    assert StatusFile.write(path, {:exited, lost}, nil, "x") == :ok

    assert lines(path) == [
             "ready 7 a_b",
             "exited 7 a_b exited 3 exit",
             "exited 7 a_b signaled 9 oom",
             "watchdog 7 a_b",
             "signal 7 a_b hup leader",
             "status 7 a_b half_way",
             "exited - x unknown - launcher_down"
           ]
  end

  test "is made, and lines are added to what there is", %{path: path} do
    assert StatusFile.check(path) == :ok
    assert File.read!(path) == ""
    File.write!(path, "before\n")
    assert StatusFile.check(path) == :ok
    StatusFile.write(path, :paused, 1, "x")
    assert "before\n" <> _ = File.read!(path)
  end

  test "is a regular file, or refused without waiting for a reader", %{path: path} do
    {_, 0} = System.cmd("mkfifo", [path])
    assert StatusFile.check(path) == {:error, :enotsup}
    assert StatusFile.check("/dev/null") == {:error, :enotsup}
    assert StatusFile.check(Path.dirname(path)) == {:error, :eisdir}
    File.ln_s!("/tmp/elsewhere", path <> "2")
    assert StatusFile.check(path <> "2") == {:error, :eloop}
  end

  describe "of a daemon" do
    @describetag :port
    @describetag :capture_log

    setup do
      Process.flag(:trap_exit, true)
      :ok
    end

    test "tells its life", %{path: path} do
      {:ok, daemon} = Daemon.start_link("sh", ["-c", "exit 3"], status_file: path)
      assert_receive {:EXIT, ^daemon, :error_exit_status}, 20_000
      assert ["started " <> pid, "ready " <> pid, "exited " <> last, stopped] = lines(path)
      assert last == pid <> " exited 3 exit"
      assert stopped == "stopped #{pid} :error_exit_status"
      assert [_os_pid, "sh"] = String.split(pid)
    end

    test "that cannot be written is an error of the start", %{path: path} do
      missing = Path.join(path, "x")
      assert {:error, error} = Daemon.start_link("true", [], status_file: missing)
      assert %Error{stage: :status_file, reason: :enoent, subject: ^missing} = error
      assert Exception.message(error) =~ ":status_file"
    end

    test "that cannot be written any more is told once", %{path: path} do
      logged =
        capture_log(fn ->
          {:ok, daemon} = Daemon.start_link("sleep", ["100"], status_file: path)
          eventually(fn -> match?([_started, _ready], lines(path)) end)
          File.rm!(path)
          File.mkdir!(path)
          Daemon.pause(daemon)
          Daemon.resume(daemon)
          Daemon.stop(daemon)
        end)

      assert [_before, _after] = String.split(logged, "cannot write what happens")
    end
  end
end
