defmodule Contained.ScarcityTest do
  # The port program's worker runs out of descriptors.
  use Contained.Case, async: false

  import Contained.{Measure, Proc}

  alias Contained.{Error, Launcher, NastyTree}
  alias Contained.Process, as: Command

  @moduletag :port
  @moduletag timeout: 120_000

  setup do
    launcher = start_supervised!({Launcher, []})
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    worker = launcher_info(launcher).os_pids.worker
    {soft, 0} = System.cmd("prlimit", prlimit(worker) ++ ["--raw", "--noheadings", "-oSOFT"])
    %{launcher: launcher, worker: worker, usual: String.trim(soft)}
  end

  defp prlimit(worker, limit \\ ""), do: ["--pid", "#{worker}", "--nofile" <> limit]

  defp limit(worker, soft), do: {"", 0} = System.cmd("prlimit", prlimit(worker, "=#{soft}:"))

  # The descriptors up to the highest one; what is free below is for the command to use up.
  defp taken(worker) do
    fds = for name <- File.ls!("/proc/#{worker}/fd"), do: String.to_integer(name)
    Enum.max(fds) + 1
  end

  test "torture 47: a command without descriptors fails alone, and leaves none behind", ctx do
    before = open_files(ctx.worker)
    neighbour = elem(Contained.start("cat", [], launcher: ctx.launcher), 1)
    taken = taken(ctx.worker)

    results =
      for more <- 0..16 do
        limit(ctx.worker, taken + more)
        result = Contained.run("echo", ["x"], launcher: ctx.launcher)
        limit(ctx.worker, ctx.usual)
        assert {"y\n", 0} = Contained.cmd("echo", ["y"], launcher: ctx.launcher)
        result
      end

    for {:error, error} <- results, do: assert(%Error{reason: :emfile} = error)
    assert match?({:error, _}, hd(results))
    assert {:ok, %{stdout: "x\n"}} = List.last(results)

    Command.write(neighbour, "alive")
    assert {:stdout, "alive"} = Command.next(neighbour, 5_000)
    assert :ok = Command.stop(neighbour)
    # The group of a second command at once is kept for the next.
    eventually(fn -> open_files(ctx.worker) <= before + 1 end)
    assert launcher_info(ctx.launcher).os_pids.worker == ctx.worker
  end

  test "torture 47: what is stopped meanwhile is gone when there are some again", ctx do
    {process, marker, _pids} = NastyTree.start(launcher: ctx.launcher)
    limit(ctx.worker, open_files(ctx.worker))
    assert :ok = Command.stop(process)
    refute os_alive?(Command.os_pid(process))
    limit(ctx.worker, ctx.usual)
    eventually(fn -> marked(marker) == [] end, 10_000)
    eventually(fn -> command_groups(launcher_info(ctx.launcher).cgroup) == [] end)
  end
end
