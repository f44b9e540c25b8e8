defmodule Contained.ContainerRacesTest do
  # Ends of containers that meet the starts of commands, a hundred times each.
  use Contained.Case, async: true

  alias Contained.{Container, Error, Result}

  @moduletag :port
  # Supervisors tell of parents that were killed.
  @moduletag :capture_log

  setup context do
    %{launcher: start_supervised!({Contained.Launcher, name: context.test})}
  end

  test "containers killed while commands start leave nobody", context do
    for round <- 1..100 do
      {:ok, container} =
        Container.start_link(launcher: context.launcher, name: "race", poll_interval: 50)

      Elixir.Process.unlink(container)

      tasks = for _ <- 1..3, do: Task.async(fn -> Container.run(container, "sleep", ["1000"]) end)

      if rem(round, 5) == 0, do: eventually(fn -> Container.running?(container) end)
      Elixir.Process.exit(container, :kill)

      for ended <- Task.await_many(tasks, within(30_000)) do
        assert match?({:ok, %Result{reason: :stopped}}, ended) or
                 match?({:error, %Error{stage: :container}}, ended)
      end
    end

    assert Enum.filter(Contained.Info.info().commands, &(&1.launcher == context.launcher)) == []
  end

  test "containers stopped while commands start leave nobody", context do
    for _round <- 1..100 do
      {:ok, container} = Container.start_link(launcher: context.launcher, name: "race")

      tasks = for _ <- 1..3, do: Task.async(fn -> Container.run(container, "sleep", ["1000"]) end)

      assert :ok = Container.stop(container)

      for ended <- Task.await_many(tasks, within(30_000)) do
        assert match?({:ok, %Result{reason: :stopped}}, ended) or
                 match?({:error, %Error{stage: :container}}, ended)
      end
    end
  end

  for {what, victims} <- [{"VM", []}, {"VM and the guardian", [:guardian]}] do
    test "the #{what} is killed: nothing is left of a container" do
      vm = Contained.VM.start(:container)
      assert Contained.Proc.marked(vm.marker) != []
      victims = [vm.os_pid | Map.values(Map.take(vm.os_pids, unquote(victims)))]
      Contained.Proc.kill("KILL", victims)
      Contained.VM.await_death(vm)
      eventually(fn -> Contained.Proc.marked(vm.marker) == [] end, within(20_000))
    end
  end
end
