defmodule Contained.FallbackTest do
  # Kernel calls that are missing (ENOSYS), or that a container's seccomp filter forbids (EPERM):
  # the program does without, and nothing of what it promises is lost.
  use Contained.Case, async: false

  import Contained.FakePort, only: [use_program: 1]
  import Contained.Proc

  alias Contained.{Launcher, NastyTree}

  @moduletag :port

  @calls ~w(clone3 pidfd_open pidfd_send_signal close_range splice openat2)
  # What the program reports, of those it has tried to use.
  @reported ~w(clone3 pidfd_open close_range splice)
  @size 4_000_000

  # The port program behind the filter; the protocol's descriptors 3 and 4 pass through.
  defp launcher_without(calls, errno) do
    {:ok, program} = Contained.Port.locate()
    deny = helper_path("deny_syscalls")
    text = "#!/bin/sh\nexec #{deny} #{errno} #{Enum.join(calls, ",")} -- #{program} \"$@\"\n"
    tmp_dir() |> script("filtered_port", text) |> use_program()
    {:ok, launcher} = GenServer.start(Launcher, [])
    launcher
  end

  defp pattern do
    0..250 |> Enum.to_list() |> :binary.list_to_bin() |> :binary.copy(div(@size, 251) + 1)
  end

  defp assert_complete(launcher) do
    args = ["#{@size}", "65536"]
    {output, 0} = Contained.cmd(helper_path("chatty"), args, launcher: launcher)
    assert output == binary_part(pattern(), 0, @size)
    input = :binary.copy("0123456789", 30_000)
    assert {^input, 0} = Contained.cmd("cat", [], launcher: launcher, input: input)
    fds = "0\n1\n2\n"
    assert {^fds, 0} = Contained.cmd(helper_path("print_fds"), [], launcher: launcher)
    assert {"", 0} = Contained.cmd("true", [], launcher: launcher)
    assert {:error, %{reason: :enoexec}} = Contained.run(not_a_program(), [], launcher: launcher)
  end

  defp not_a_program, do: script(tmp_dir(), "nonsense", "nonsense")

  defp assert_stops(launcher) do
    {process, marker, _pids} = NastyTree.start(launcher: launcher)
    assert :ok = Contained.Process.stop(process)
    assert marked(marker) == []
    assert {:ok, %{unkilled: 0}} = Contained.Process.await(process, 1_000)
    assert {"", :timeout} = Contained.cmd("sleep", ["300"], launcher: launcher, timeout: 100)
  end

  defp assert_reported(info, calls) do
    refused = Enum.map(info.refused, &Atom.to_string/1)
    assert Enum.sort(refused) == calls |> Enum.filter(&(&1 in @reported)) |> Enum.sort()
  end

  for errno <- ["EPERM", "ENOSYS"], calls <- Enum.map(@calls, &[&1]) ++ [@calls] do
    test "#{errno} from #{Enum.join(calls, ", ")}" do
      launcher = launcher_without(unquote(calls), unquote(errno))
      assert_complete(launcher)
      assert_stops(launcher)
      info = launcher_info(launcher)
      assert_program_idle(info)
      GenServer.stop(launcher)
      assert_program_gone(info)
      assert_reported(info, unquote(calls))
    end
  end

  # Without pidfds SIGCHLD, PR_SET_PDEATHSIG and end of file tell who has died.
  for victim <- [:worker, :guardian, :launcher] do
    test "without all of them, the #{victim} is killed" do
      launcher = launcher_without(@calls, "ENOSYS")
      {_process, marker, pids} = NastyTree.start(launcher: launcher)
      info = launcher_info(launcher)
      kill_victim(unquote(victim), launcher, info)
      eventually(fn -> not Enum.any?(pids, &os_alive?/1) end)
      assert marked(marker) == []
      assert_program_gone(info)
      if Process.alive?(launcher), do: GenServer.stop(launcher)
    end
  end

  defp kill_victim(:launcher, launcher, _info), do: Process.exit(launcher, :kill)
  defp kill_victim(victim, _launcher, info), do: kill("KILL", info.os_pids[victim])

  test "without all of them, a stopped program is found out and replaced" do
    launcher = launcher_without(@calls, "EPERM")
    {process, marker, _pids} = NastyTree.start(launcher: launcher)
    info = launcher_info(launcher)
    kill("STOP", Map.values(info.os_pids))
    assert {:ok, %{reason: :launcher_down}} = Contained.Process.await(process, 4_000)
    assert {"x\n", 0} = Contained.cmd("echo", ["x"], launcher: launcher)
    eventually(fn -> marked(marker) == [] end)
    assert_program_gone(info)
    GenServer.stop(launcher)
  end
end
