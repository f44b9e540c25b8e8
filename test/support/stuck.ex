defmodule Contained.Stuck do
  @moduledoc false
  # A command that SIGKILL does not end until it is released. Where there is a freezer of v1 it is
  # frozen there by us, in a group that is none of its launcher's; else, in the test VM, it waits for
  # a 9p server that never answers.

  import Contained.Case

  alias Contained.{Needs, Proc}

  @freezer "/sys/fs/cgroup/freezer"

  defstruct [:process, :release]

  @doc "False, or what is missing, for `@tag skip:`."
  def needs do
    cond do
      not Needs.root?() -> "needs root"
      File.dir?(@freezer) or mounts_9p?() -> false
      true -> "needs a freezer of v1, or 9p"
    end
  end

  # The guests of scripts/test-vm have it for the host's root.
  defp mounts_9p?, do: File.read!("/proc/filesystems") =~ ~r/\t9p$/m

  @doc "Starts one with `marker` among its arguments; returns when nothing can end it."
  def start(marker, opts) do
    if File.dir?(@freezer), do: start_frozen(marker, opts), else: start_mount(marker, opts)
  end

  def release(stuck), do: stuck.release.()

  defp start_frozen(marker, opts) do
    {:ok, process} = Contained.start(helper_path("ignore_term"), [marker], opts)
    group = Path.join(@freezer, "contained-test-#{marker}")
    File.mkdir!(group)
    ExUnit.Callbacks.on_exit(fn -> thaw_and_remove(group) end)
    set(group, "cgroup.procs", "#{Contained.Process.os_pid(process)}")
    set(group, "freezer.state", "FROZEN")
    eventually(fn -> File.read!(Path.join(group, "freezer.state")) == "FROZEN\n" end)
    %__MODULE__{process: process, release: fn -> set(group, "freezer.state", "THAWED") end}
  end

  defp thaw_and_remove(group) do
    set(group, "freezer.state", "THAWED")
    eventually(fn -> File.rmdir(group) == :ok end)
  end

  defp set(group, file, value), do: File.write!(Path.join(group, file), value)

  # $1 and $2 are the pipes from and to the server: this one, which only hears that it is asked.
  @server ~S(exec 5<>"$1" 6<>"$2"; head -c 1 <&6 >/dev/null; echo asked; exec sleep 300)

  defp start_mount(marker, opts) do
    pipes = for name <- ["from", "to"], do: Path.join(tmp_dir(), name)
    {_, 0} = System.cmd("mkfifo", pipes)
    args = ["-c", @server, "server" | pipes]
    server = Port.open({:spawn_executable, "/bin/sh"}, [:binary, :exit_status, args: args])
    {:os_pid, pid} = Port.info(server, :os_pid)
    {:ok, process} = Contained.start(helper_path("stuck_mount"), pipes ++ [marker], opts)
    await_asked(server)
    %__MODULE__{process: process, release: fn -> Proc.kill("KILL", pid) end}
  end

  defp await_asked(server) do
    receive do
      {^server, {:data, "asked\n"}} -> :ok
    after
      20_000 -> ExUnit.Assertions.flunk("nobody asks the server")
    end
  end
end
