defmodule Contained.DeathTest do
  # Whoever ends within the VM, and whatever part of the port program: what it had started, with all
  # descendants, is gone within `delay_to_sigkill` (50 ms here) + 100 ms. That is the limit of the
  # median of 20 runs; no single run may take longer than a second on a busy test machine.
  use Contained.Case, async: false

  import Contained.Proc

  alias Contained.{Forward, Launcher, NastyTree}

  @moduletag :port
  @moduletag timeout: 180_000

  @limits [median: 150, max: 1_000]

  defp deaths(what, event) do
    within(what, @limits, 20, fn ->
      scene = new_scene()
      ms = gone_after(scene.pids, fn -> event.(scene) end)
      assert marked(scene.marker) == []
      if Process.alive?(scene.launcher), do: end_of_scene(scene)
      assert_program_gone(scene.info)
      send(scene.owner, :end)
      ms
    end)
  end

  # A tree with a launcher and an owner of its own, neither linked to the test.
  defp new_scene do
    {:ok, launcher} = GenServer.start(Launcher, [])
    test = self()

    owner =
      spawn(fn ->
        {process, marker, pids} = NastyTree.start(launcher: launcher)
        send(test, {:tree, process, marker, pids})
        receive(do: (:end -> :ok))
      end)

    assert_receive {:tree, process, marker, pids}, 20_000
    info = launcher_info(launcher)
    %{launcher: launcher, owner: owner, marker: marker, pids: pids, info: info, process: process}
  end

  # Before the launcher ends: a program that lives on is seen to have tidied up by itself.
  defp end_of_scene(scene) do
    if os_alive?(scene.info.os_pids.worker), do: assert_program_idle(scene.info)
    GenServer.stop(scene.launcher)
  end

  test "the owner is killed" do
    deaths("owner :kill", &Process.exit(&1.owner, :kill))
  end

  test "the owner ends" do
    deaths("owner normal exit", &send(&1.owner, :end))
  end

  test "the launcher is killed" do
    deaths("launcher :kill", &Process.exit(&1.launcher, :kill))
  end

  test "the launcher is stopped" do
    deaths("launcher stopped", &GenServer.stop(&1.launcher))
  end

  test "the port is closed" do
    deaths("port closed", &Port.close(:sys.get_state(&1.launcher).link.port))
  end

  test "D3, muontrap 9, netrunner: the worker is killed" do
    deaths("worker SIGKILL", &kill("KILL", &1.info.os_pids.worker))
  end

  test "D3, netrunner: the guardian is killed" do
    deaths("guardian SIGKILL", &kill("KILL", &1.info.os_pids.guardian))
  end

  test "the worker aborts" do
    deaths("worker SIGABRT", &kill("ABRT", &1.info.os_pids.worker))
  end

  # Not in the list of deaths, but the way out for everybody else.
  test "the command is stopped" do
    deaths("Process.stop/1", fn scene ->
      assert :ok = Contained.Process.stop(scene.process)
      # muontrap 8: it is awaited.
      refute Enum.any?(scene.pids, &os_alive?/1)
    end)
  end

  for {how, argument} <- [{"", 5_000}, {" by brutal kill", :brutal_kill}] do
    test "the caller of cmd/3 is a task that is shut down#{how}" do
      within("Task.shutdown#{unquote(how)}", @limits, 20, fn ->
        marker = marker()
        opts = [delay_to_sigkill: 50, into: %Forward{to: self()}]
        task = Task.async(fn -> Contained.cmd("sh", NastyTree.args(marker), opts) end)
        pids = NastyTree.await_forwarded(marker)
        ms = gone_after(pids, fn -> Task.shutdown(task, unquote(argument)) end)
        assert marked(marker) == []
        assert_program_idle(launcher_info(Launcher))
        ms
      end)
    end
  end

  test "muontrap 7: a timeout; all are dead when cmd/3 returns" do
    within("timeout", @limits, 20, fn ->
      marker = marker()
      opts = [delay_to_sigkill: 50, timeout: 1_000, into: %Forward{to: self()}]
      begin = now()
      assert {_, :timeout} = Contained.cmd("sh", NastyTree.args(marker), opts)
      ms = now() - begin - 1_000
      assert marked(marker) == []
      assert forwarded_lines() == 4, "the tree was not complete when its time was over"
      ms
    end)
  end

  defp forwarded_lines(read \\ "") do
    receive do
      {:forwarded, data} -> forwarded_lines(read <> data)
    after
      0 -> length(String.split(read, "\n")) - 1
    end
  end
end
