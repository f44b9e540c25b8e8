defmodule Contained.CgroupEventsTest do
  # Contained.Cgroup.subscribe/2, by the kernel's own events and by looking.
  use Contained.Case, async: false

  import Contained.Needs

  alias Contained.{Cgroup, Error, Launcher}
  alias Contained.Process, as: Command

  @moduletag :port
  @moduletag skip: groups()

  setup do
    on_exit(fn -> Application.delete_env(:contained, :native) end)
    %{launcher: start_supervised!({Launcher, []})}
  end

  defp sh(ctx, script) do
    {:ok, process} =
      Contained.start("sh", ["-c", script], launcher: ctx.launcher, delay_to_sigkill: 50)

    process
  end

  for native? <- [true, false] do
    describe "native functions: #{native?}" do
      setup do
        Application.put_env(:contained, :native, unquote(native?))
      end

      test "row 143: frozen, thawed, ended", ctx do
        process = sh(ctx, "exec sleep 300")
        assert {:ok, watcher} = Cgroup.subscribe(process, [:frozen, :populated])
        assert :ok = Cgroup.freeze(process)
        assert_receive {Cgroup, ^watcher, {:frozen, true}}, within(10_000)
        assert :ok = Cgroup.thaw(process)
        assert_receive {Cgroup, ^watcher, {:frozen, false}}, within(10_000)
        monitor = Process.monitor(watcher)
        Command.stop(process, [])
        assert_receive {Cgroup, ^watcher, :ended}, within(10_000)
        assert_receive {:DOWN, ^monitor, _, _, :normal}, within(10_000)
      end

      @tag skip: file("cpu.pressure")
      test "row 144: pressure", ctx do
        count = 4 * System.schedulers_online()
        process = sh(ctx, "for i in $(seq #{count}); do (while :; do :; done) & done; wait")
        event = {:pressure, :cpu, :some, 100_000, 2_000_000}
        assert {:ok, watcher} = Cgroup.subscribe(process, [event])

        assert_receive {Cgroup, ^watcher, {:pressure, :cpu, :some, %{some: %{total: _}}}},
                       within(30_000)

        assert :ok = Cgroup.unsubscribe(watcher)
        refute Process.alive?(watcher)
        Command.stop(process, [])
      end
    end
  end

  test "a watcher ends with its subscriber", ctx do
    process = sh(ctx, "exec sleep 300")
    task = Task.async(fn -> Cgroup.subscribe(process, [:frozen]) end)
    assert {:ok, watcher} = Task.await(task)
    eventually(fn -> not Process.alive?(watcher) end)
    Command.stop(process, [])
    assert {:error, %Error{reason: :esrch}} = Cgroup.subscribe(process, [:frozen])
    assert :ok = Cgroup.unsubscribe(watcher)
  end

  test "what is no event", ctx do
    process = sh(ctx, "exec sleep 300")

    for event <- [:gone, {:pressure, :net, :some, 1, 500_000}, {:pressure, :cpu, :some, 1, 1}] do
      assert_raise ArgumentError, ~r/invalid events/, fn -> Cgroup.subscribe(process, [event]) end
    end

    Command.stop(process, [])
  end
end
