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

  # The first descriptor that the worker would get.
  defp free(worker) do
    taken = for name <- File.ls!("/proc/#{worker}/fd"), do: String.to_integer(name)
    Enum.find(Stream.iterate(0, &(&1 + 1)), &(&1 not in taken))
  end

  defp with_limit(ctx, soft) do
    limit(ctx.worker, soft)
    result = Contained.run("echo", ["x"], launcher: ctx.launcher)
    limit(ctx.worker, ctx.usual)
    assert {"y\n", 0} = Contained.cmd("echo", ["y"], launcher: ctx.launcher)
    result
  end

  defp assert_answers(process) do
    Command.write(process, "alive")
    assert {:stdout, "alive"} = Command.next(process, 5_000)
    assert :ok = Command.stop(process)
  end

  test "torture 47: a command without descriptors fails alone, and leaves none behind", ctx do
    before = open_files(ctx.worker)
    {:ok, neighbour} = Contained.start("cat", [], launcher: ctx.launcher)
    free = free(ctx.worker)
    results = for more <- 0..30, do: with_limit(ctx, free + more)

    assert match?({:error, _}, hd(results))
    for {:error, error} <- results, do: assert(%Error{reason: :emfile} = error)
    assert {:ok, %{stdout: "x\n"}} = List.last(results)
    assert_answers(neighbour)
    # The group of a second command at once is kept for the next.
    eventually(fn -> open_files(ctx.worker) <= before + 1 end)
    assert launcher_info(ctx.launcher).os_pids.worker == ctx.worker
  end

  test "torture 47: what is stopped meanwhile is gone when there are some again", ctx do
    {process, marker, _pids} = NastyTree.start(launcher: ctx.launcher)
    limit(ctx.worker, free(ctx.worker))
    assert :ok = Command.stop(process)
    refute os_alive?(Command.os_pid(process))
    limit(ctx.worker, ctx.usual)
    eventually(fn -> marked(marker) == [] end, 10_000)
    eventually(fn -> command_groups(launcher_info(ctx.launcher).cgroup) == [] end)
  end
end
