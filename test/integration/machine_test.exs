defmodule Contained.MachineTest do
  # What a test may do to a machine that is thrown away afterwards: each in one leg of the test VM.
  use Contained.Case, async: false

  import Contained.Proc

  alias Contained.{Error, Launcher, NastyTree}
  alias Contained.Process, as: Command

  @moduletag :port
  @moduletag :modes
  @moduletag timeout: 240_000

  defp self_made(opts \\ []), do: start_supervised!({Launcher, opts}, id: make_ref())

  leg = fn name ->
    if System.get_env("CONTAINED_VM") != name, do: "needs the leg #{name} of scripts/test-vm"
  end

  ## Control groups that cannot be written any more

  defp remount(how), do: {_, 0} = System.cmd("mount", ["-o", "remount,#{how}", "/sys/fs/cgroup"])

  @tag skip: leg.("v2")
  test "torture 25: control groups become read-only while commands run" do
    [stopped, killed] = [self_made(), self_made()]
    {process, marker, _pids} = NastyTree.start(launcher: stopped)
    {_process, other, _pids} = NastyTree.start(launcher: killed)
    [info, killed_info] = for launcher <- [stopped, killed], do: launcher_info(launcher)
    on_exit(fn -> remount("rw") end)
    remount("ro")

    assert :ok = Command.stop(process)
    assert {:ok, %{reason: :stopped}} = Command.await(process, 1_000)
    eventually(fn -> marked(marker) == [] end, within(1_000))
    kill("KILL", killed_info.os_pids.worker)
    eventually(fn -> marked(other) == [] end, within(1_000))

    opts = [launcher: stopped, cgroup_name: "new"]
    assert {:error, %Error{stage: :cgroup, reason: :erofs}} = Contained.run("true", [], opts)
    remount("rw")
    assert {:ok, %{status: 0}} = Contained.run("true", [], opts)
    assert launcher_info(stopped).os_pids == info.os_pids
  end

  ## A disk

  @rate 1_000_000
  @read 4_096_000

  # Of no file system: what is read of it is in no cache (O_DIRECT); whole sectors.
  defp disk do
    file = Path.join(tmp_dir(), "disk")
    File.write!(file, :binary.copy(<<0>>, @read))
    {device, 0} = System.cmd("losetup", ["--find", "--show", file])
    device = String.trim(device)
    on_exit(fn -> {_, 0} = System.cmd("losetup", ["--detach", device]) end)
    device
  end

  defp read_all(launcher, device, limits) do
    args = ["if=#{device}", "of=/dev/null", "bs=100k", "iflag=direct"]
    opts = [launcher: launcher, limits: limits, stderr: :discard]
    {:ok, %{status: 0, usage: usage}} = Contained.run("dd", args, opts)
    usage
  end

  for place <- ["v2", "v1"] do
    @tag skip: leg.(place)
    test "io: a disk is read no faster than it may be, #{place}" do
      launcher = self_made()
      device = disk()
      usual = read_all(launcher, device, pids: 10)
      limited = read_all(launcher, device, io: [{device, rbps: @rate}])
      rate = @read * 1_000_000 / limited.wall_us
      IO.puts("  #{round(rate)} bytes/s; unlimited #{usual.wall_us} us")
      assert limited.io_read >= @read
      # The first slice of time may be used up at once.
      assert rate <= @rate * 1.2
      assert usual.wall_us < limited.wall_us
    end
  end

  ## Process ids that come again at once

  @pid_max "/proc/sys/kernel/pid_max"

  # Each forks a child after the other, which a signal to somebody else's old pid would hit.
  @canary "while :; do sleep 0.01 || echo hurt; done"

  defp canary do
    Port.open({:spawn_executable, "/bin/sh"}, [:binary, :exit_status, args: ["-c", @canary]])
  end

  defp command(launcher, n) when rem(n, 3) == 0 do
    {:ok, process} = Contained.start("sleep", ["60"], launcher: launcher)
    assert :ok = Command.stop(process, [])
  end

  defp command(launcher, n) when rem(n, 3) == 1 do
    assert {"", 0} = Contained.cmd("true", [], launcher: launcher)
  end

  defp command(launcher, _n) do
    args = ["-c", "setsid sleep 60 >/dev/null 2>&1 & exit 0"]
    assert {"", 0} = Contained.cmd("sh", args, launcher: launcher)
  end

  # Where processes are signalled one by one: by the members of a group, by descent.
  for {place, kind} <- [{"v1", :cgroup1}, {"none", :best_effort}] do
    @tag skip: leg.(place)
    test "torture 29: pids are used again at once, #{kind}" do
      launcher = self_made(containment: unquote(kind))
      before = File.read!(@pid_max)
      on_exit(fn -> File.write!(@pid_max, before) end)
      File.write!(@pid_max, "600")
      canaries = for _ <- 1..3, do: canary()

      1..100
      |> Task.async_stream(&command(launcher, &1), max_concurrency: 4, timeout: 120_000)
      |> Stream.run()

      refute_received {_canary, _hurt_or_ended}
      for port <- canaries, do: kill("KILL", elem(Port.info(port, :os_pid), 1))
    end
  end

  ## Time

  @tag skip: leg.("none")
  test "torture 48: the clock jumps by a day" do
    launcher = self_made()

    for jump <- ["1 day", "2 days ago"] do
      {:ok, process} = Contained.start("sleep", ["60"], launcher: launcher, timeout: 4_000)
      begin = now()
      {_, 0} = System.cmd("date", ["-s", jump])
      assert {:ok, %{reason: :timeout} = result} = Command.await(process, 60_000)
      assert now() - begin >= 2_000
      assert now() - begin <= within(4_000)
      assert result.usage.wall_us in 4_000_000..within(4_000_000)
    end
  end
end
