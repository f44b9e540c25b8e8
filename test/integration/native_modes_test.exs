defmodule Contained.NativeModesTest do
  # What the VM does by itself and what the port program does are the same, whatever control groups there are.
  use Contained.Case, async: false

  import Contained.{Needs, Proc}

  alias Contained.{Cgroup, Error, Launcher, NastyTree}
  alias Contained.Launcher.Rescue

  @moduletag :port
  @moduletag :modes
  @moduletag skip: native()

  setup do
    on_exit(fn -> Application.delete_env(:contained, :native) end)
    %{launcher: start_supervised!({Launcher, heartbeat: within(500)})}
  end

  # With and without; the result of both.
  defp both(fun) do
    Application.put_env(:contained, :native, true)
    native = fun.()
    Application.put_env(:contained, :native, false)
    assert {native, fun.()} == {native, native}
    native
  end

  defp sleeper(ctx, opts \\ []) do
    script = "sleep 300 & echo; exec sleep 301"
    opts = [launcher: ctx.launcher, delay_to_sigkill: 50] ++ opts
    {:ok, process} = Contained.start("sh", ["-c", script], opts)
    {:stdout, _} = Contained.Process.next(process, within(5_000))
    eventually(fn -> process |> Cgroup.processes() |> asleep?() end, within(5_000))
    process
  end

  # Until then what is told of them changes.
  defp asleep?({:ok, [_, _] = all}), do: Enum.all?(all, &match?(%{name: "sleep", state: "S"}, &1))
  defp asleep?(_other), do: false

  # What counts on its own: the names, and how it stands.
  defp shape({:ok, stats}) do
    {:ok,
     Map.new(stats, fn {key, value} ->
       {key, if(is_map(value), do: Map.keys(value), else: value)}
     end)}
  end

  defp shape(error), do: error

  defp kinds({:ok, pressure}),
    do: {:ok, Map.new(pressure, fn {of, kinds} -> {of, Map.keys(kinds)} end)}

  defp kinds(error), do: error

  test "every look at a command", ctx do
    process = sleeper(ctx)
    assert {:ok, [_, _] = all} = both(fn -> Cgroup.processes(process) end)
    pids = Enum.sort(Enum.map(all, & &1.pid))
    assert {:ok, ^pids} = both(fn -> Cgroup.threads(process) |> sorted() end)
    assert both(fn -> Cgroup.member?(process, hd(pids)) end)
    both(fn -> process |> Cgroup.stats() |> shape() end)
    both(fn -> Cgroup.limits(process) end)
    both(fn -> process |> Cgroup.pressure() |> kinds() end)
    both(fn -> Cgroup.path(process) end)
    both(fn -> Cgroup.places(process) end)
    for file <- ~w(cgroup.procs memory.max no.such), do: both(fn -> Cgroup.get(process, file) end)
    Contained.Process.stop(process, [])

    for look <- [&Cgroup.stats/1, &Cgroup.processes/1, &Cgroup.limits/1, &Cgroup.threads/1] do
      assert {:error, %Error{reason: :esrch}} = both(fn -> look.(process) end)
    end
  end

  defp sorted({:ok, list}), do: {:ok, Enum.sort(list)}

  @tag skip: native() || groups()
  test "every change", ctx do
    process = sleeper(ctx)

    for change <- [
          &Cgroup.freeze/1,
          &Cgroup.thaw/1,
          &Cgroup.set(&1, "cgroup.procs.x", "1"),
          &Cgroup.set(&1, "cpu.weight", "not a number"),
          &Cgroup.migrate(&1, 0x7FFFFFF0),
          &Cgroup.set_limits(&1, memory: "64M"),
          &Cgroup.set_limits(&1, pids: 40)
        ] do
      {_result, seen} = both(fn -> {change.(process), seen(process)} end)
      assert {:ok, %{populated: true}} = elem(seen, 0)
    end

    # One each: whoever comes second may find it dead.
    for {native, process} <- [{true, process}, {false, sleeper(ctx)}] do
      Application.put_env(:contained, :native, native)
      assert Cgroup.kill(process) == :ok
      assert {:ok, %{exit: {:signaled, 9, _}}} = Contained.Process.await(process, within(10_000))
      assert {:error, %Error{reason: :esrch}} = both(fn -> Cgroup.kill(process) end)
    end
  end

  defp seen(process) do
    {:ok, stats} = Cgroup.stats(process)
    {{:ok, Map.take(stats, [:populated, :frozen])}, Cgroup.limits(process)}
  end

  @tag skip: native() || limits(:pids)
  test "limits that the port program sets are seen by the VM, and the other way round", ctx do
    process = sleeper(ctx)
    Application.put_env(:contained, :native, true)
    assert {:ok, %{populated: true}} = Cgroup.stats(process)
    # The first makes a group where there was none to see.
    assert :ok = Cgroup.set_limits(process, pids: 40)
    assert {:ok, %{pids: %{current: 2}}} = Cgroup.stats(process)
    assert :ok = Cgroup.set_limits(process, pids: 41)
    assert {:ok, [pids: 41]} = both(fn -> Cgroup.limits(process) end)
    Contained.Process.stop(process, [])
  end

  @tag skip: native() || groups()
  test "a port program that hangs with its guardian is not needed to kill", ctx do
    {process, _marker, pids} = NastyTree.start(launcher: ctx.launcher)
    info = launcher_info(ctx.launcher)
    kill("STOP", Map.values(info.os_pids))
    assert eventually(fn -> Rescue.kill_groups(%{hello: %{cgroup: info.cgroup}}, 1_000) end)
    eventually(fn -> not Enum.any?(pids, &os_alive?/1) end)
    refute File.exists?(info.cgroup)
    assert {:ok, %{reason: :launcher_down}} = Contained.Process.await(process, within(20_000))
  end
end
