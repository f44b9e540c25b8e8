defmodule Contained.Daemon.NotifyTest do
  # The socket for sd_notify(3): who is heard, and what of it.
  use Contained.Case, async: true

  alias Contained.Daemon.Notify
  alias Contained.Needs

  @moduletag :port

  defp open(place \\ %{}) do
    {:ok, notify} = Notify.open(place)
    notify
  end

  defp start(notify, program, args) do
    env = Notify.env(notify, nil)
    {:ok, process} = Contained.start(program, args, env: env, stdin: :null)
    process
  end

  defp told(notify, run) do
    assert_receive {Notify, _ref, _run, _fields} = message, 30_000
    assert {:told, ref, fields} = Notify.event(notify, message)
    assert ref == run.ref
    Notify.handled(notify)
    fields
  end

  test "fields are lines NAME=value" do
    assert Notify.parse("READY=1\nSTATUS=a=b \n\nX_A=\n") ==
             [{"READY", "1"}, {"STATUS", "a=b "}, {"X_A", ""}]

    assert Notify.parse("READY\n=1") == []
  end

  test "the environment names the socket, and the interval in microseconds" do
    notify = %{open() | name: "@x"}

    assert Notify.env(notify, nil) ==
             [{"NOTIFY_SOCKET", "@x"}, {"WATCHDOG_USEC", nil}, {"WATCHDOG_PID", nil}]

    assert {"WATCHDOG_USEC", "1500000"} in Notify.env(notify, 1_500)
  end

  test "the program is heard, and its descendants; others are not" do
    notify = open()

    run =
      start(
        notify,
        "sh",
        ["-c", "#{helper_path("notify")} CHILD=1 -b; exec \"$@\"", "sh"] ++ own()
      )

    Notify.attend(notify, run)
    stranger = [helper_path("notify"), ["STRANGER=1", "-b"], [env: Notify.env(notify, nil)]]
    assert told(notify, run) == [{"CHILD", "1"}]
    # It is told that it has been heard so far; nobody is told what it said.
    assert {"", 0} = apply(System, :cmd, stranger)
    assert told(notify, run) == [{"LEADER", "1"}]
    Contained.Process.stop(run, [])
  end

  defp own, do: [helper_path("notify"), "-s", "300", "LEADER=1", "-l"]

  test "nobody is heard before the program is known, or when it is another's turn" do
    notify = open()
    run = start(notify, helper_path("notify"), ["EARLY=1", "-b", "LATE=1", "-l"])
    refute_receive {Notify, _, _, _}, 50
    Notify.attend(notify, run)
    assert told(notify, run) == [{"EARLY", "1"}]
    assert told(notify, run) == [{"LATE", "1"}]
    Notify.attend(notify, nil)
    Contained.Process.stop(run, [])
    next = start(notify, helper_path("notify"), ["NEXT=1", "-b"])
    refute_receive {Notify, _, _, _}, 50
    Notify.attend(notify, next)
    assert told(notify, next) == [{"NEXT", "1"}]
    assert {:ok, %{status: 0}} = Contained.Process.await(next)
  end

  test "descriptors that are sent are closed, so a barrier is one" do
    notify = open()
    words = List.duplicate("-b", 200)
    run = start(notify, helper_path("notify"), ["FIRST=1" | words] ++ ["LAST=1"])
    before = Contained.Measure.open_files(System.pid())
    Notify.attend(notify, run)
    # Nothing is received before this one has been taken in.
    refute_receive {:never, _}, 50
    assert os_alive?(Contained.Process.os_pid(run))
    assert told(notify, run) == [{"FIRST", "1"}]
    assert told(notify, run) == [{"LAST", "1"}]
    assert {:ok, %{status: 0}} = Contained.Process.await(run)
    assert Contained.Measure.open_files(System.pid()) < before + 100
  end

  test "a message that says nothing, or too much, is none" do
    notify = open()
    big = "BIG=#{String.duplicate("x", 70_000)}"
    run = start(notify, helper_path("notify"), ["nothing", big, "GOOD=1", "-l"])
    Notify.attend(notify, run)
    assert told(notify, run) == [{"GOOD", "1"}]
    Contained.Process.stop(run, [])
  end

  test "for another network namespace it is a file that is nobody else's" do
    notify = open(%{apart: true})
    directory = Path.dirname(notify.name)
    assert %{mode: mode, type: :directory} = File.stat!(directory)
    assert Bitwise.band(mode, 0o777) == 0o700
    run = start(notify, helper_path("notify"), ["READY=1", "-b", "-l"])
    Notify.attend(notify, run)
    assert told(notify, run) == [{"READY", "1"}]
    Contained.Process.stop(run, [])
  end

  @tag skip: Needs.root()
  test "and belongs to the user of the program" do
    notify = open(%{apart: true, uid: 65_534})
    assert File.stat!(notify.name).uid == 65_534
    assert File.stat!(Path.dirname(notify.name)).uid == 65_534
  end

  test "it goes with its owner, and leaves nothing" do
    test = self()

    owner =
      spawn(fn ->
        send(test, {:open, open(%{apart: true})})
        Process.sleep(:infinity)
      end)

    assert_receive {:open, notify}, 30_000
    monitor = Process.monitor(notify.pid)
    Process.exit(owner, :kill)
    assert_receive {:DOWN, ^monitor, _, _, :normal}, 30_000
    refute File.exists?(Path.dirname(notify.name))
  end
end
