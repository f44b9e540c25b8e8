defmodule Contained.TopTest do
  use Contained.Case, async: true

  import ExUnit.CaptureIO

  alias Contained.{Process, Top}

  @moduletag :port

  defp start(program, args, opts \\ []) do
    {:ok, process} = Contained.start(program, args, opts)
    on_exit(fn -> Process.stop(process, []) end)
    process
  end

  defp row(process), do: Enum.find(Top.rows(), &(&1.os_pid == Process.os_pid(process)))

  test "a command that does nothing" do
    process = start("sleep", ["60"])

    assert %{kind: :command, name: nil, processes: 1} = row(process)
    assert Path.basename(row(process).program) == "sleep"
    eventually(fn -> row(process).state == :sleeping end)
    assert row(process).owner == self()
    assert row(process).launcher == Elixir.Process.whereis(Contained.Launcher)
    assert row(process).memory > 0
    eventually(fn -> row(process).uptime_ms > 0 end)
  end

  test "the figures are those of all its processes" do
    process = start("sh", ["-c", "sleep 60 & while :; do :; done"])
    eventually(fn -> row(process).processes == 2 end)
    eventually(fn -> row(process).cpu_us >= 20_000 end, within(10_000))
    Process.stop(process, [])
    assert row(process) == nil
  end

  test "one that is stopped by a signal" do
    process = start("sleep", ["60"])
    Process.signal(process, :stop)
    eventually(fn -> row(process).state == :stopped end)
  end

  @tag skip: Contained.Needs.groups()
  test "one that is frozen" do
    process = start("sleep", ["60"])
    :ok = Contained.Cgroup.freeze(process)
    assert row(process).state == :frozen
    :ok = Contained.Cgroup.thaw(process)
  end

  test "a registered owner gives his name" do
    Elixir.Process.register(self(), :top_test_owner)
    assert %{name: :top_test_owner} = "sleep" |> start(["60"]) |> row()
  end

  test "a daemon is one, under its name" do
    opts = [command: "sleep", args: ["60"], name: __MODULE__.Daemon]
    daemon = start_supervised!({Contained.Daemon, opts})
    os_pid = Contained.Daemon.os_pid(daemon)

    assert %{kind: :daemon, name: __MODULE__.Daemon} =
             Enum.find(Top.rows(), &(&1.os_pid == os_pid))
  end

  # What a row needs to become a line.
  @row %{
    os_pid: 4711,
    program: "/opt/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/bin/db",
    name: My.Db,
    uptime_ms: 100_000,
    cpu_us: 2_500_000,
    memory: 10 * 1024 * 1024,
    processes: 3,
    state: :sleeping
  }

  test "the table has a line for each, in columns" do
    starting = %{@row | os_pid: nil, cpu_us: nil, memory: nil, processes: nil, state: :starting}
    long = %{@row | uptime_ms: 90_061_000, cpu_us: 3_600_000_000, memory: 3 * 1024 ** 3}

    assert String.split(Top.table([@row, starting, %{long | program: "x"}]), "\n") == [
             " PID  NAME   PROGRAM                               UPTIME  CPU%        TIME  MEMORY  PROCS  STATE",
             "4711  My.Db  …xxxxxxxxxxxxxxxxxxxxxxxx/bin/db        1:40   2.5     0:02.50   10.0M      3  sleeping",
             "   -  My.Db  …xxxxxxxxxxxxxxxxxxxxxxxx/bin/db        1:40     -           -       -      -  starting",
             "4711  My.Db  x                                 1d 1:01:01   4.0  1:00:00.00   3.00G      3  sleeping"
           ]
  end

  test "top prints it" do
    process = start("sleep", ["60"])
    assert capture_io(fn -> assert Contained.top() == :ok end) =~ "#{Process.os_pid(process)}"
  end
end
