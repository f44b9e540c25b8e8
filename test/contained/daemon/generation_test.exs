defmodule Contained.Daemon.GenerationTest do
  use Contained.Case, async: false

  alias Contained.Daemon.Generation
  alias Contained.{Info, Launcher}

  defp with_ancestors(ancestors, fun) do
    task =
      Task.async(fn ->
        Process.put(:"$ancestors", ancestors)
        fun.()
      end)

    Task.await(task)
  end

  test "a slot is a name, or a place with an id or a command" do
    slot = fn options, ancestors ->
      with_ancestors(ancestors, fn -> Generation.slot(options, "x", ["a"]) end)
    end

    parent = self()
    assert slot.(%{name: :n, id: 1}, [parent]) == {:name, :n}
    assert slot.(%{id: 1}, [parent]) == {parent, {:id, 1}}
    assert slot.(%{}, [parent]) == {parent, {"x", ["a"]}}

    # An anonymous supervisor has another pid after its own restart, its supervisor's name remains.
    assert slot.(%{id: 1}, [parent, MyApp.Supervisor, parent]) == {MyApp.Supervisor, {:id, 1}}
  end

  test "nothing is waited for when there is nothing" do
    assert Generation.await(%{launcher: Launcher}, {:name, :x}, false, make_ref()) == :ready
  end

  @tag :port
  test "the port program of a launcher that was killed is waited for" do
    name = __MODULE__.Launcher
    {:ok, launcher} = GenServer.start(Launcher, [name: name], name: name)

    {:ok, process} =
      Contained.start(helper_path("ignore_term"), ["x"], launcher: launcher, delay_to_sigkill: 300)

    assert {:stdout, "ready\n"} = Contained.Process.next(process)
    Process.exit(launcher, :kill)
    eventually(fn -> not Process.alive?(launcher) end)
    ref = make_ref()
    # One of another launcher has nothing to do with it.
    assert Generation.await(%{launcher: Launcher}, {:name, :x}, false, ref) == :ready
    Generation.await(%{launcher: name}, {:name, :x}, false, ref)
    assert_receive {Generation, ^ref, _}, 20_000
    refute os_alive?(process.os_pid)
    assert Info.orphaned([name]) == []
  end

  test "a launcher of one daemon alone is waited for when that has died" do
    launcher = spawn(fn -> receive(do: (:stop -> :ok)) end)
    slot = {:name, make_ref()}
    dedicated = %{launcher: :dedicated}

    # Of somebody who lives it is no predecessor of ours.
    holder =
      spawn(fn ->
        Generation.launched(dedicated, slot, launcher) && receive(do: (:stop -> :ok))
      end)

    eventually(fn -> :ets.lookup(Info, {:slot, slot}) != [] end)
    assert Generation.await(dedicated, slot, false, make_ref()) == :ready

    send(holder, :stop)
    eventually(fn -> not Process.alive?(holder) end)
    ref = make_ref()
    Generation.await(dedicated, slot, false, ref)
    refute_receive {Generation, ^ref, _}, 20
    send(launcher, :stop)
    assert_receive {Generation, ^ref, _}, 5_000
  end
end
