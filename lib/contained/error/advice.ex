defmodule Contained.Error.Advice do
  @moduledoc false
  # What to do about an error, one sentence.

  alias Contained.Error
  alias Contained.Error.Isolation

  @spec on(Error.t()) :: binary | nil
  def on(%{stage: :exec, reason: :enoent, subject: <<?/, _::binary>>}),
    do: "Neither it nor, for a script, the interpreter of its first line may be missing"

  def on(%{stage: :exec, reason: :enoent}),
    do: "Look for it in PATH, or give an absolute path"

  def on(%{stage: :exec, reason: :eacces}),
    do:
      "It must be a file, executable by the user of the command, and with :landlock among its paths"

  def on(%{stage: :exec, reason: :eperm}),
    do: "The :seccomp filter has to allow execve, or the file is on a file system without exec"

  def on(%{stage: :seccomp, reason: reason, subject: subject}), do: seccomp(reason, subject)
  def on(%{stage: :landlock, reason: reason}), do: landlock(reason)

  def on(%{stage: :exec, reason: :enoexec}),
    do: "A script needs a #! line, or run its interpreter and give it as an argument"

  def on(%{stage: :exec, reason: :e2big}),
    do: "Arguments and environment are too large, pass data with the :input option"

  def on(%{stage: :option, subject: "orphans"}),
    do:
      "Pure v1 control groups do not show whose orphan it was; with pid_isolation: true it is known"

  def on(%{stage: :chdir}), do: "Check the :cd option"
  def on(%{stage: :limit, reason: reason}), do: limit(reason)

  def on(%{stage: :cgroup, reason: :ebusy}),
    do: "Another command has this :cgroup_name, or it is kept"

  def on(%{stage: :cgroup}),
    do: "Contained.Cgroup.info/0 shows which control groups the launcher may use"

  def on(%{stage: :group, reason: :einval}),
    do: "A number without an entry among the users needs the :group option"

  def on(%{stage: stage}) when stage in [:user, :group, :groups],
    do: "Check the name, or give a number"

  def on(%{stage: :rlimit, reason: :eperm}),
    do: "Only root may raise a hard limit, :rlimits must stay below that of the VM"

  def on(%{stage: :capabilities, reason: :einval}), do: "See capabilities(7) for the names"

  def on(%{stage: stage, reason: reason})
      when stage in [:ids, :nice, :oom_score_adj, :capabilities] and reason in [:eperm, :eacces],
      do: "The VM has to run as root for that, or with the capability that it takes"

  def on(%{stage: stage} = error) when stage in [:namespace, :mount, :id_map, :network],
    do: Isolation.on(error)

  def on(%{stage: :container, reason: :ebusy}),
    do: "Another container of this launcher has that :group and :name"

  def on(%{stage: :container, reason: :noproc}),
    do: "Start it under a supervisor, before what runs in it"

  def on(%{stage: :launcher, reason: :noproc}),
    do: "Start it under a supervisor, or use launcher: :dedicated"

  def on(%{stage: :pidfile, reason: :eexist}),
    do: "Another process that lives stands in it"

  def on(%{stage: :pidfile, reason: reason}) when reason in [:eloop, :eperm],
    do: "It may only replace a file of the same owner that holds nothing but a number"

  def on(%{stage: :status_file, reason: reason}) when reason in [:eloop, :enotsup, :eisdir],
    do: "It has to be a regular file; for others there is Contained.Daemon.subscribe/1"

  def on(%{stage: :lock, reason: reason}) when reason in [:eloop, :eperm, :enotsup, :eisdir],
    do: "It has to be a regular file of the VM's user that holds nothing but a number"

  def on(%{stage: :notify, reason: :eperm}),
    do: "The socket has to belong to the daemon's user, which only root can see to"

  def on(%{stage: :stdio, reason: :enospc, subject: "pty"}),
    do: "There are as many terminals as /proc/sys/kernel/pty/max and the mount of /dev/pts allow"

  def on(%{stage: :session, reason: :eperm}),
    do: "A job must outlive who asks for it: ask from outside of what Contained has started"

  def on(%{stage: :file, reason: :einval, subject: "CONTAINED_" <> _variable}),
    do: "It must be an absolute path"

  def on(%{stage: :job, reason: :already_running}),
    do: "Stop it by its name, or give the new one another"

  def on(%{stage: :ready, result: %{stdout: out, stderr: err}}) when out not in [nil, ""],
    do: wrote(out <> (err || ""))

  def on(%{stage: :ready, result: %{stderr: err}}) when err not in [nil, ""], do: wrote(err)
  def on(_error), do: nil

  @longest 1_000

  defp wrote(text) do
    last = binary_part(text, byte_size(text), -min(byte_size(text), @longest))
    "It wrote: " <> inspect(last, binaries: :as_strings, printable_limit: :infinity)
  end

  defp seccomp(:enotsup, _subject),
    do: "The port program was built without libseccomp, with -DCONTAINED_SECCOMP=OFF"

  defp seccomp(:einval, "execve"),
    do: "The program itself is started under the filter, which must not kill it for execve"

  defp seccomp(:einval, subject) when subject not in [nil, ""],
    do: "libseccomp knows no such call or errno, see syscalls(2), or does not take the conditions"

  defp seccomp(:e2big, _subject),
    do: "A filter has at most 1024 calls, 256 conditions and 4096 instructions"

  defp seccomp(_reason, _subject), do: "The kernel needs CONFIG_SECCOMP_FILTER, see seccomp(2)"

  defp landlock(:enosys), do: "It takes Linux 5.13 or later with CONFIG_SECURITY_LANDLOCK"

  defp landlock(:enotsup),
    do: "The kernel has it switched off: add landlock to lsm= on the kernel's command line"

  defp landlock(:e2big), do: "A process can be restricted 16 times, one within the other"
  defp landlock(_reason), do: "Each path must exist for the user of the command"

  defp limit(:enotsup) do
    "No control group that the launcher may use has it, see Contained.Cgroup.info/0. " <>
      "A service of systemd needs Delegate=yes and DelegateSubgroup=, or take_over: true. " <>
      "With on_unsupported: :ignore the command runs without"
  end

  defp limit(:erange), do: "Give a value that the kernel takes as it is"

  defp limit(:ebusy),
    do: "Another command has this :cgroup_name, or the group uses more than the limit already"

  defp limit(:enodev), do: "Name a whole disk, not a partition"
  defp limit(:enospc), do: "The processors or memory nodes are not among those of the group above"

  defp limit(reason) when reason in [:eacces, :eperm, :erofs],
    do: "Run the VM as root or in a delegated group, see the guide \"Delegation\""

  defp limit(_einval), do: "Check the value, and that the group above allows as much"
end
