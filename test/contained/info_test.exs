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

  # A port program of the test's own answers `--probe`.
  describe "what the port program has found out" do
    setup do
      :ets.delete(Info, :probe)
      on_exit(fn -> :ets.delete(Info, :probe) end)
      %{dir: tmp_dir()}
    end

    defp answering(dir, lines),
      do: use_program(script(dir, "probe", "#!/bin/sh\necho $1 >>#{dir}/asked\n#{lines}"))

    test "is told with what to do, and asked for once", %{dir: dir} do
      answering(dir, """
      echo user error namespace eperm user
      echo pid true
      echo net user
      echo pid_isolation error mount eperm /proc
      echo seccomp error seccomp enotsup
      echo landlock 4
      """)

      info = Info.info()
      assert %{pid: true, net: :user, user: {:error, words}} = info.namespaces
      assert words =~ ~s(cannot make the namespace "user")
      assert %{pid_isolation: {:error, words}, landlock: 4, seccomp: {:error, _}} = info
      assert words =~ "systempaths=unconfined"
      # Not a word of these.
      assert {:error, _} = info.namespaces.uts
      assert Info.info().namespaces == info.namespaces
      assert File.read!(Path.join(dir, "asked")) == "--probe\n"
    end

    test "is an error where there is no program, or it fails", %{dir: dir} do
      use_program("/nowhere/contained_port")
      assert {:error, words} = Info.info().namespaces.pid
      assert words =~ "/nowhere/contained_port"
      :ets.delete(Info, :probe)
      answering(dir, "echo pid true; kill -9 $$")
      assert %{pid_isolation: {:error, _}, namespaces: %{pid: {:error, _}}} = Info.info()
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
