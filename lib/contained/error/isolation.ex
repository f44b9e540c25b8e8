defmodule Contained.Error.Isolation do
  @moduledoc false
  # What to do about an error of a namespace, a mount, an id map or a network.

  alias Contained.Error

  @spec on(Error.t()) :: binary | nil
  def on(%{stage: :namespace, reason: :eperm, subject: "user"}) do
    refusal() ||
      "Something forbids it, perhaps the seccomp profile of a container around the VM (docker run " <>
        "--security-opt seccomp=...) or a chroot"
  end

  def on(%{stage: :namespace, subject: "time_offsets", reason: :eperm}),
    do: "It takes CAP_SYS_TIME; without it add :user to :namespaces"

  def on(%{stage: :namespace, subject: "time_offsets", reason: :erange}),
    do:
      "A clock has to stay above 0: an offset below 0 is at most the time since the machine has booted"

  def on(%{stage: :namespace, reason: :eperm}),
    do: "It takes CAP_SYS_ADMIN; without it add :user to :namespaces. See Contained.info/0"

  def on(%{stage: :namespace, reason: :enospc, subject: name}),
    do: "The sysctl user.#{sysctl(name)} says how many there may be, or they are nested 32 deep"

  def on(%{stage: :namespace, reason: :einval, subject: "time"}), do: "It takes Linux 5.6"

  def on(%{stage: :namespace, reason: :einval}), do: "The kernel was built without it"

  def on(%{stage: :mount, reason: reason, subject: "/proc"}) when reason in [:eperm, :ebusy] do
    "In a user namespace the kernel takes another /proc only where nothing of the one around is hidden, as a " <>
      "container's is (docker run --security-opt systempaths=unconfined)"
  end

  def on(%{stage: :mount, reason: reason}) when reason in [:eperm, :eacces],
    do: "It takes CAP_SYS_ADMIN, and in a user namespace may not show what is hidden outside"

  def on(%{stage: :mount, reason: :enoent}),
    do: "A source is a path of ours; a target has to exist in the :root or be on a :tmpfs"

  def on(%{stage: :mount, reason: :enotdir}),
    do: "A file goes upon a file and a directory upon a directory"

  def on(%{stage: :mount, reason: :einval}),
    do: "A :root on the first file system of all (initramfs) cannot be: use :chroot"

  def on(%{stage: :id_map, reason: :enoent, subject: name})
      when name in ["newuidmap", "newgidmap"],
      do: "Install it (Debian: uidmap), or run the VM as root"

  def on(%{stage: :id_map, reason: :eperm}),
    do:
      "Without root, ranges have to be those of /etc/subuid and /etc/subgid; one id is the VM's own"

  def on(%{stage: :id_map, reason: :einval}), do: "Ranges may not overlap, inside or outside"

  def on(%{stage: :network, reason: :eperm}),
    do:
      "It takes CAP_SYS_ADMIN over the namespace, which a user namespace of the command's has not"

  def on(%{stage: :network, reason: :einval}), do: "It is no file of a network namespace"
  def on(_error), do: nil

  # What each distribution has against unprivileged user namespaces.
  @switches [
    {"user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000 allows them"},
    {"kernel/unprivileged_userns_clone", "0",
     "sysctl kernel.unprivileged_userns_clone=1 allows them"},
    {"kernel/apparmor_restrict_unprivileged_userns", "1",
     "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with userns for " <>
       "contained_port, allows them"}
  ]

  @doc "The switch of this machine that is against user namespaces; `nil` when none is."
  @spec refusal() :: binary | nil
  def refusal do
    Enum.find_value(@switches, fn {file, off, words} ->
      with {:ok, value} <- File.read("/proc/sys/" <> file), true <- String.trim(value) == off do
        words
      else
        _not_so -> nil
      end
    end)
  end

  @spec sysctl(binary) :: binary
  def sysctl("mount"), do: "max_mnt_namespaces"
  def sysctl(name), do: "max_#{name}_namespaces"
end
