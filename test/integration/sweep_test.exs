defmodule Contained.SweepTest do
  # What is left when nobody could clean up, and who may remove it.
  use Contained.Case, async: false

  import Contained.{Needs, Proc}

  alias Contained.{Cgroup, Launcher, NastyTree, VM}

  @moduletag :port
  @moduletag :modes
  @moduletag timeout: 120_000
  @moduletag skip: groups()

  # Every directory of a tree, in all hierarchies.
  defp trees(tree), do: Path.wildcard("/sys/fs/cgroup/**/#{Path.basename(tree)}/")

  # A tree in a VM that is killed together with its port program. Leaders die with the worker; the
  # rest lives on in the groups. Stopped first, for each of the three would act on another's death.
  defp orphans do
    vm = VM.start(:tree)
    everyone = [vm.os_pids.guardian, vm.os_pids.worker, vm.os_pid]
    kill("STOP", everyone)
    kill("KILL", everyone)
    VM.await_death(vm)
    assert marked(vm.marker) != []
    vm
  end

  test "torture 41: VM, guardian and worker are killed together; the next start sweeps" do
    vm = orphans()
    {:ok, _} = start_supervised!({Launcher, []}) |> Cgroup.info()
    eventually(fn -> marked(vm.marker) == [] end)
    eventually(fn -> trees(vm.cgroup) == [] end)
  end

  test "sweep/1 does so when it is asked, and says how many" do
    launcher = start_supervised!({Launcher, []})
    {:ok, _} = Cgroup.info(launcher)
    vm = orphans()
    assert {:ok, swept} = Cgroup.sweep(launcher)
    assert swept >= 1
    eventually(fn -> marked(vm.marker) == [] end)
    eventually(fn -> trees(vm.cgroup) == [] end)
  end

  test "torture 44: what a living launcher has is not touched" do
    living = start_supervised!({Launcher, []}, id: :living)
    {process, marker, pids} = NastyTree.start(launcher: living)
    launcher = start_supervised!({Launcher, []}, id: :sweeper)
    assert {:ok, _} = Cgroup.sweep(launcher)
    assert Enum.sort(marked(marker)) == Enum.sort(pids)
    Contained.Process.stop(process)
  end

  @tag skip: limits(:memory)
  test "torture 41: the groups of limits are swept as well" do
    launcher = start_supervised!({Launcher, []}, id: :one)
    script = ~S(setsid sleep 300 >/dev/null 2>&1 & echo $!; wait)
    opts = [launcher: launcher, limits: [memory: "64M"]]
    {:ok, process} = Contained.start("sh", ["-c", script], opts)
    {:stdout, line} = Contained.Process.next(process, 5_000)
    child = line |> String.trim() |> String.to_integer()
    info = launcher_info(launcher)
    # The launcher starts its program again at once, and that sweeps.
    kill("KILL", Map.values(info.os_pids))
    eventually(fn -> not os_alive?(child) end)
    eventually(fn -> trees(info.cgroup) == [] end)
  end
end
