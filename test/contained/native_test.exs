defmodule Contained.NativeTest do
  # The native functions themselves, on real processes and groups of a launcher of the test's own.
  use Contained.Case, async: false

  import Contained.Needs

  alias Contained.{Cgroup, Launcher, Native}
  alias Contained.Process, as: Command

  @moduletag skip: native()

  @processes 1_000
  @calls 10_000

  setup do
    %{launcher: start_supervised!({Launcher, []})}
  end

  defp sleeper(ctx, script \\ "exec sleep 300") do
    opts = [launcher: ctx.launcher, delay_to_sigkill: 50]
    {:ok, process} = Contained.start("sh", ["-c", script], opts)
    process
  end

  defp places(process) do
    {:ok, places} = Cgroup.places(process)
    places
  end

  # The VM's own; what it opens and closes all the time is not steady, but comes back.
  defp descriptors, do: length(File.ls!("/proc/self/fd"))

  defp pidfds do
    links = for fd <- File.ls!("/proc/self/fd"), do: File.read_link("/proc/self/fd/#{fd}")
    Enum.count(links, &match?({:ok, "anon_inode:[pidfd]"}, &1))
  end

  describe "a process" do
    test "is opened, signalled, and its end told", ctx do
      process = sleeper(ctx)
      assert {:ok, handle} = Native.open(Command.os_pid(process))
      assert {:ok, ref} = Native.monitor(handle)
      assert Native.signal(handle, 0) == {:ok, nil}
      assert Native.signal(handle, 15) == {:ok, nil}
      assert_receive {:contained_exit, ^ref, ^handle}, 10_000
      assert {:ok, %{exit: {:signaled, 15, _}}} = Command.await(process, 10_000)
      assert {:error, :signal, :esrch, ""} = Native.signal(handle, 0)
      # Also afterwards.
      assert {:ok, again} = Native.monitor(handle)
      assert_receive {:contained_exit, ^again, ^handle}, 10_000
      assert Native.close(handle)
      refute Native.close(handle)
      assert {:error, :file, :ebadf, ""} = Native.signal(handle, 0)
      assert {:error, :file, :ebadf, ""} = Native.monitor(handle)
    end

    test "that is not there" do
      assert {:error, :signal, :esrch, "2147483632"} = Native.open(0x7FFFFFF0)
    end

    test "#{@processes} of them, each of whose ends is told once", ctx do
      count = @processes
      process = sleeper(ctx, "for i in $(seq #{count}); do sleep 300 & done; echo; wait")
      assert {:stdout, "\n"} = Command.next(process, within(30_000))
      leader = Command.os_pid(process)
      {:ok, all} = Cgroup.processes(process)
      handles = for %{pid: pid} <- all, pid != leader, do: elem(Native.open(pid), 1)
      assert length(handles) == count
      times = Enum.sort(for handle <- handles, do: told_after(handle))

      IO.puts(
        "\n  exit to message: median #{Enum.at(times, div(count, 2))} us, longest #{List.last(times)} us"
      )

      refute_received {:contained_exit, _, _}
      Command.stop(process, [])
    end

    # From the signal on.
    defp told_after(handle) do
      {:ok, ref} = Native.monitor(handle)
      begin = System.monotonic_time(:microsecond)
      {:ok, nil} = Native.signal(handle, 9)
      assert_receive {:contained_exit, ^ref, ^handle}, within(10_000)
      System.monotonic_time(:microsecond) - begin
    end

    test "is closed with its opener, or when nobody has it any more", ctx do
      process = sleeper(ctx)
      pid = Command.os_pid(process)
      before = pidfds()
      test = self()

      opener =
        spawn(fn ->
          {:ok, handle} = Native.open(pid)
          {:ok, _ref} = Native.monitor(handle)
          send(test, {:opened, handle})
          Process.sleep(:infinity)
        end)

      assert_receive {:opened, handle}, 5_000
      assert pidfds() == before + 1
      Process.exit(opener, :kill)
      eventually(fn -> pidfds() == before end)
      assert {:error, :file, :ebadf, ""} = Native.signal(handle, 0)

      for _ <- 1..100, do: {:ok, _dropped} = Native.open(pid)
      :erlang.garbage_collect()
      eventually(fn -> pidfds() == before end)
      Command.stop(process, [])
    end

    test "the message that is waited for keeps the handle, until it is dropped as well", ctx do
      process = sleeper(ctx)
      before = pidfds()
      ref = monitored(Command.os_pid(process))
      :erlang.garbage_collect()
      assert pidfds() == before + 1
      Command.stop(process, [])
      assert_receive {:contained_exit, ^ref, _handle}, 10_000
      :erlang.garbage_collect()
      eventually(fn -> pidfds() == before end)
    end

    defp monitored(pid) do
      {:ok, handle} = Native.open(pid)
      {:ok, ref} = Native.monitor(handle)
      ref
    end
  end

  describe "a group" do
    @describetag skip: native() || groups()

    test "10,000 looks leave nothing behind", ctx do
      process = sleeper(ctx)
      places = places(process)
      {:ok, handle} = Native.open_groups(places)
      look = fn -> for at <- [places, handle], do: {:ok, _} = Native.stats(at) end
      for _ <- 1..1_000, do: look.()
      {fds, kib} = {descriptors(), resident()}
      for _ <- 1..div(@calls, 2), do: look.()
      eventually(fn -> descriptors() <= fds end)
      # A kibibyte each would be more.
      assert resident() - kib < 8_000
      Command.stop(process, [])
    end

    defp resident do
      :erlang.garbage_collect()
      [_, kib] = Regex.run(~r/^VmRSS:\s+(\d+) kB$/m, File.read!("/proc/self/status"))
      String.to_integer(kib)
    end

    test "a handle closes its files when nobody has it", ctx do
      process = sleeper(ctx)
      places = places(process)
      fds = descriptors()
      for _ <- 1..50, do: {:ok, _} = Native.open_groups(places)
      :erlang.garbage_collect()
      eventually(fn -> descriptors() <= fds end)
      Command.stop(process, [])
    end

    test "is known until the command has ended", ctx do
      process = sleeper(ctx)
      {:ok, _} = Cgroup.stats(process)
      assert [_] = :ets.lookup(Cgroup.Places, process.ref)
      # Nobody needs the launcher any more.
      :sys.suspend(ctx.launcher)
      assert {:ok, %{populated: true}} = Cgroup.stats(process)
      assert {:ok, [%{pid: _}]} = Cgroup.processes(process)
      assert :ok = Cgroup.freeze(process)
      assert :ok = Cgroup.thaw(process)
      assert :ok = Cgroup.kill(process)
      eventually(fn -> not os_alive?(Command.os_pid(process)) end)
      :sys.resume(ctx.launcher)
      assert {:ok, %{exit: {:signaled, 9, _}}} = Command.await(process, within(10_000))
      assert :ets.lookup(Cgroup.Places, process.ref) == []
    end

    test "what a launcher that was killed has noted is forgotten", ctx do
      process = sleeper(ctx)
      {:ok, _} = Cgroup.stats(process)
      Process.unlink(ctx.launcher)
      stop_supervised(Launcher)
      assert :ets.lookup(Cgroup.Places, process.ref) == []

      {:ok, launcher} = GenServer.start(Launcher, [])
      process = sleeper(%{launcher: launcher})
      {:ok, _} = Cgroup.stats(process)
      Process.exit(launcher, :kill)
      eventually(fn -> not Process.alive?(launcher) end)
      start_supervised!({Launcher, []}, id: :next)
      assert :ets.lookup(Cgroup.Places, process.ref) == []
    end

    test "of that name that is another one is not taken for it", ctx do
      process = sleeper(ctx)
      [{controllers, path, inode, before} | _] = places(process)
      assert {:ok, _} = Native.stats([{controllers, path, inode, before}])

      assert {:error, :cgroup, :enoent, ^path} =
               Native.stats([{controllers, path, inode + 1, before}])

      Command.stop(process, [])

      assert {:error, :cgroup, :enoent, ^path} =
               Native.stats([{controllers, path, inode, before}])
    end

    test "what it used before it came to a command does not count", ctx do
      burn = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo; exec sleep 300"
      {:ok, first} = Contained.start("sh", ["-c", burn], launcher: ctx.launcher)
      {:stdout, "\n"} = Command.next(first, within(20_000))
      {:ok, %{cpu: %{usage_us: used}}} = Contained.Session.control(first, :stats) |> named()
      Command.stop(first, [])
      process = sleeper(ctx)

      if match?([{_, _, _, {_, _}} | _], places(process)) do
        {:ok, %{cpu: %{usage_us: now}}} = Cgroup.stats(process)
        assert now < used
      end

      Command.stop(process, [])
    end

    defp named({:ok, numbers}), do: {:ok, Cgroup.Stats.stats(numbers)}
  end

  describe "events of the kernel" do
    @tag skip: native() || groups_v2()
    test "a group that is frozen, and one that is empty", ctx do
      process = sleeper(ctx)
      [{_, path, _, _} | _] = places(process)
      {:ok, handle} = Native.monitor_events(path)
      {:ok, ref} = Native.await_event(handle)
      assert {:ok, text} = Native.look_at(handle)
      assert text =~ "populated 1"
      :ok = Cgroup.freeze(process)
      assert_receive {:contained_event, ^ref, ^handle}, 10_000
      assert {:ok, text} = Native.look_at(handle)
      assert text =~ "frozen 1"
      assert Native.close(handle)
      Command.stop(process, [])
    end

    @tag skip: native() || triggers()
    test "row 144: pressure above a threshold", ctx do
      busy =
        "for i in $(seq #{4 * System.schedulers_online()}); do (while :; do :; done) & done; wait"

      process = sleeper(ctx, busy)
      [{_, path, _, _} | _] = places(process)
      assert {:ok, handle} = Native.monitor_pressure(path, :cpu, :some, 100_000, 2_000_000)
      assert {:ok, ref} = Native.await_event(handle)
      assert_receive {:contained_event, ^ref, ^handle}, within(20_000)
      assert {:ok, "some avg10=" <> _} = Native.look_at(handle)
      Command.stop(process, [])
    end

    @tag skip: native() || triggers()
    test "a trigger that the kernel refuses", ctx do
      process = sleeper(ctx)
      [{_, path, _, _} | _] = places(process)
      assert {:error, :cgroup, :einval, _} = Native.monitor_pressure(path, :cpu, :some, 50_000, 1)
      Command.stop(process, [])
    end

    test "of what is not there" do
      assert {:error, :cgroup, :enoent, "/nowhere/cgroup.events"} =
               Native.monitor_events("/nowhere")
    end
  end

  test "what is of another shape" do
    for call <- [
          fn -> Native.stats(:x) end,
          fn -> Native.stats([{[], "relative"}]) end,
          fn -> Native.stats([{[], "/a\0b"}]) end,
          fn -> Native.stats([{[1], "/a"} | :x]) end,
          fn -> Native.stats([{[], "/a", -1, nil}]) end,
          fn -> Native.set_limits([{[], "/a"}], [:pids]) end,
          fn -> Native.open(0) end,
          fn -> Native.open("1") end,
          fn -> Native.signal(make_ref(), 9) end,
          fn -> Native.monitor(self()) end,
          fn -> Native.watch("/proc", "../etc/passwd", "") end,
          fn -> Native.close(:x) end
        ] do
      assert_raise ArgumentError, call
    end

    assert {:error, :cgroup, :einval, ""} = Native.stats([])
    assert {:error, :cgroup, :enoent, "/nowhere"} = Native.stats([{[], "/nowhere"}])
    assert {:error, :cgroup, :einval, "/tmp"} = Native.kill_trees("/tmp")
  end

  test "tells what this machine has" do
    assert %{cgroup1: v1, cgroup2: v2, pidfd: pidfd} = Native.capabilities()
    for %{controllers: [_ | _], mountpoint: "/" <> _} <- v1, do: :ok
    assert v2 == nil or File.dir?(v2.mountpoint)
    assert is_boolean(pidfd)
    assert Native.status() == :loaded
  end

  test "handles outlive an upgrade of the library", ctx do
    process = sleeper(ctx)
    {:ok, handle} = Native.open(Command.os_pid(process))

    for _ <- 1..2 do
      :code.purge(Native)
      {:module, Native} = :code.load_file(Native)
      assert Native.loaded?()
      assert Native.signal(handle, 0) == {:ok, nil}
    end

    {:ok, ref} = Native.monitor(handle)
    Native.signal(handle, 9)
    assert_receive {:contained_exit, ^ref, _}, 10_000
  end

  describe "without a library" do
    @code """
    {:not_loaded, _why} = Contained.Native.status()
    %ErlangError{original: :nif_not_loaded} = try do Contained.Native.stats([]) rescue e -> e end
    {:ok, _} = Application.ensure_all_started(:contained)
    {"x\\n", 0} = Contained.cmd("echo", ["x"])
    {:ok, process} = Contained.start("sleep", ["60"])
    {:ok, [_]} = Contained.Cgroup.processes(process)
    IO.puts("fine")
    """

    for {what, text} <- [{"that is missing", nil}, {"that is none", "no ELF"}] do
      test "everything works: one #{what}" do
        dir = tmp_dir()
        for part <- ~w(ebin priv), do: copy(part, Path.join(dir, "contained"))
        library = Path.join(dir, "contained/priv/contained_nif.so")
        File.rm!(library)
        if unquote(text), do: File.write!(library, unquote(text))
        args = ["-pa", Path.join(dir, "contained/ebin"), "-e", @code]
        assert {"fine\n", 0} = System.cmd("elixir", args, stderr_to_stdout: true)
      end
    end

    defp copy(part, to) do
      File.mkdir_p!(to)
      {_, 0} = System.cmd("cp", ["-rL", Application.app_dir(:contained, part), to])
    end
  end
end
