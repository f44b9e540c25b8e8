defmodule Contained.WedgeTest do
  # The port program hangs with its guardian: whose work is to kill its commands, is done by the VM.
  use Contained.Case, async: false

  import Contained.{Needs, Proc}

  alias Contained.{Launcher, NastyTree}
  alias Contained.Launcher.Rescue

  @moduletag :port

  setup do
    on_exit(fn -> Application.delete_env(:contained, :native) end)
    %{launcher: start_supervised!({Launcher, heartbeat: within(200)})}
  end

  defp wedge(ctx) do
    {process, marker, pids} = NastyTree.start(launcher: ctx.launcher)
    info = launcher_info(ctx.launcher)
    kill("STOP", Map.values(info.os_pids))
    {process, marker, pids, info}
  end

  defp assert_rescued(ctx, {process, marker, pids, info}) do
    assert {:ok, %{reason: :launcher_down}} = Contained.Process.await(process, within(20_000))
    eventually(fn -> not Enum.any?(pids, &os_alive?/1) end, within(20_000))
    assert marked(marker) == []
    assert {"x\n", 0} = Contained.cmd("echo", ["x"], launcher: ctx.launcher)
    assert launcher_info(ctx.launcher).os_pids != info.os_pids
    assert_program_gone(info)
  end

  for native? <- [true, false] do
    test "all is gone and the next command works, native functions: #{native?}", ctx do
      Application.put_env(:contained, :native, unquote(native?))
      assert_rescued(ctx, wedge(ctx))
    end
  end

  @tag skip: native() || limits(:pids)
  test "also what has left the group that tracks, but not that of its limits", ctx do
    script = "sleep 300 & echo $!; exec sleep 301"
    opts = [launcher: ctx.launcher, limits: [pids: 50]]
    {:ok, process} = Contained.start("sh", ["-c", script], opts)
    {:stdout, line} = Contained.Process.next(process, within(5_000))
    child = line |> String.trim() |> String.to_integer()
    [{_, tracking, _, _} | others] = elem(Contained.Cgroup.places(process), 1)
    # By its own hand, as root may; on v2 alone there is no other group.
    if others != [], do: File.write!(Path.join(root_of(tracking), "cgroup.procs"), "#{child}")
    info = launcher_info(ctx.launcher)
    kill("STOP", Map.values(info.os_pids))
    eventually(fn -> Rescue.kill_groups(%{hello: %{cgroup: info.cgroup}}, 1_000) end)
    eventually(fn -> not os_alive?(child) end)
    for {_, path, _, _} <- others, do: refute(File.exists?(path))
  end

  # <root>/contained-<id>/<group>/<name>
  defp root_of(tracking), do: tracking |> Path.dirname() |> Path.dirname() |> Path.dirname()

  test "what is no launcher's group is left alone" do
    for path <- ["/", "/sys/fs/cgroup", "/sys/fs/cgroup/contained-x", ""] do
      refute Rescue.kill_groups(%{hello: %{cgroup: path}}, 0)
    end

    refute Rescue.kill_groups(%{hello: nil}, 0)
  end
end
