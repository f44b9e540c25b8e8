defmodule Contained.InfoTest do
  use Contained.Case, async: false

  import Contained.FakePort

  alias Contained.{Info, Launcher}

  defp find(launcher) do
    info = Info.info()
    {Enum.find(info.launchers, &(&1.pid == launcher)), info.commands}
  end

  test "tells the version, the launchers and the commands" do
    dir = new()
    spec = Supervisor.child_spec({Launcher, name: Info.Test}, shutdown: :brutal_kill)
    launcher = start_supervised!(spec)
    assert {%{name: Info.Test, sessions: 0, os_pids: %{}}, _} = find(launcher)

    task = collect(launcher)
    greet(dir)
    say(dir, {:started, 1, 42})
    eventually(fn -> match?({%{containment: :none}, [%{os_pid: 42}]}, find(launcher)) end)

    assert {launcher_info, [command]} = find(launcher)
    assert %{sessions: 1, refused: [], cgroup: "", port_version: "0"} = launcher_info
    assert launcher_info.os_pids.guardian == hd(pids(dir))
    assert %{program: "/bin/x", owner: owner, since: %DateTime{}, launcher: ^launcher} = command
    assert owner == task.pid
    assert Info.info().native == Contained.Native.status()
    assert Info.info().version =~ ~r/^\d+\.\d+\.\d+/
  end

  test "tells which namespaces there may be" do
    namespaces = Info.info().namespaces

    assert Enum.sort(Map.keys(namespaces)) == [
             :cgroup,
             :ipc,
             :mount,
             :net,
             :pid,
             :time,
             :user,
             :uts
           ]

    for {_name, verdict} <- namespaces do
      assert verdict in [true, :user] or match?({:error, <<_, _::binary>>}, verdict)
    end
  end

  test "a launcher that was killed is forgotten" do
    {:ok, launcher} = GenServer.start(Launcher, owner: self())
    assert {%{sessions: 0}, _} = find(launcher)
    Process.exit(launcher, :kill)
    eventually(fn -> find(launcher) == {nil, Info.info().commands} end)
  end

  test "the port program of a launcher that was killed is known as long as it lives" do
    {:ok, launcher} = GenServer.start(Launcher, [])
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    %{os_pids: os_pids} = GenServer.call(launcher, :info)
    {:ok, process} = Contained.start(helper_path("ignore_term"), ["x"], launcher: launcher)
    {:stdout, "ready\n"} = Contained.Process.next(process)
    assert Info.orphaned([launcher]) == []
    Process.exit(launcher, :kill)
    eventually(fn -> not Process.alive?(launcher) end)
    # It stops the command by its ladder, which takes half a second.
    orphaned = for {pid, _start} <- Info.orphaned([launcher]), do: pid
    assert Enum.sort(orphaned) == Enum.sort(Map.values(os_pids))
    eventually(fn -> Info.orphaned([launcher]) == [] end)
    refute os_alive?(process.os_pid)
  end

  test "a launcher that does not answer is named" do
    {:ok, launcher} = GenServer.start(Launcher, owner: self())
    :sys.suspend(launcher)
    assert {%{sessions: :unknown}, _} = find(launcher)
    :sys.resume(launcher)
  end
end
