defmodule Contained.Seccomp do
  @groups [
    {"Setting the clock",
     ~w(adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime)},
    {"Kernel modules",
     ~w(create_module delete_module finit_module get_kernel_syms init_module query_module)},
    {"Mounts and roots",
     ~w(chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root) ++
       ~w(umount umount2)},
    {"Namespaces, and `clone` with a flag of a namespace (see below)", ~w(setns unshare)},
    {"Hardware", ~w(ioperm iopl pciconfig_iobase pciconfig_read pciconfig_write)},
    {"Restart, another kernel", ~w(kexec_file_load kexec_load reboot)},
    {"Swap", ~w(swapoff swapon)},
    {"The kernel's keys, which know no namespaces", ~w(add_key keyctl request_key)},
    {"Other processes: their memory and descriptors",
     ~w(kcmp migrate_pages move_pages pidfd_getfd process_madvise process_vm_readv) ++
       ~w(process_vm_writev ptrace)},
    {"Looking into the kernel, or burdening it",
     ~w(acct bpf fanotify_init lookup_dcookie nfsservctl perf_event_open quotactl quotactl_fd) ++
       ~w(syslog userfaultfd)},
    {"Calls by a ring, which no filter sees",
     ~w(io_uring_enter io_uring_register io_uring_setup)},
    {"Files by handle, past any root", ~w(open_by_handle_at)},
    {"The name of the machine, terminals", ~w(setdomainname sethostname vhangup)},
    {"Obsolete",
     ~w(_sysctl afs_syscall bdflush break ftime getpmsg gtty idle lock mpx prof profil putpmsg) ++
       ~w(security sgetmask ssetmask stty sysfs tuxcall ulimit uselib ustat vm86 vm86old vserver)}
  ]

  # CLONE_NEW... of clone(2); that of time needs clone3(2) or unshare(2).
  @namespaces [
    newns: 0x0002_0000,
    newcgroup: 0x0200_0000,
    newuts: 0x0400_0000,
    newipc: 0x0800_0000,
    newuser: 0x1000_0000,
    newpid: 0x2000_0000,
    newnet: 0x4000_0000
  ]

  # On s390 the stack comes first, clone(2).
  @clone_flags if(match?(~c"s390" ++ _, :erlang.system_info(:system_architecture)), do: 1, else: 0)

  # Input that seems to come from the terminal, ioctl_tty(2): TIOCSTI, TIOCLINUX. The kernel looks at
  # the lower half of the argument alone.
  @terminal [0x5412, 0x541C]
  @lower 0xFFFF_FFFF

  @moduledoc """
  The filter of system calls that `seccomp: :default` stands for.

  It forbids what hardly any program needs and what reaches beyond the command: calls that change the whole machine,
  that look into other processes, or that have been a way out of containers again and again. All others are
  allowed. In the spirit it is what Docker and systemd (`SystemCallFilter=~@...`) forbid. It makes the kernel smaller for a
  command that was taken over; against one that runs as root without namespaces it is no wall, for files of `/proc` and `/sys` reach as far.

  These calls fail with `EPERM`, on each architecture that has them:

  #{Enum.map_join(@groups, "\n", fn {title, names} -> "  * #{title}: #{Enum.map_join(names, ", ", &"`#{&1}`")}" end)}

  and with certain arguments:

    * `clone` with one of #{Enum.map_join(@namespaces, ", ", fn {name, _} -> "`CLONE_#{name |> Atom.to_string() |> String.upcase()}`" end)}
    * `ioctl` with `TIOCSTI` or `TIOCLINUX` (#{Enum.map_join(@terminal, ", ", &"`0x#{Integer.to_string(&1, 16)}`")})

  `clone3` fails with `ENOSYS`: its flags lie in memory, where no filter sees them, and C libraries then take `clone`.

  Own filters, also as changes to this one, are described in the guide "Seccomp and Landlock".
  """

  @typedoc "The name of a system call, as in syscalls(2)."
  @type call :: atom | binary

  @typedoc """
  One argument of a call, counted from 0, compared with a value: as an unsigned number of 64 bits, or
  what is left of it under a mask.
  """
  @type condition ::
          {0..5, :== | :!= | :< | :<= | :>= | :> | {:&, non_neg_integer}, non_neg_integer}

  @typedoc "A call, or a call whose arguments fulfil all conditions; one argument has one condition."
  @type rule :: call | {call, [condition]}

  @typedoc "`:kill` ends the whole process, by SIGSYS; `{:errno, :eperm}` lets the call fail."
  @type action :: :allow | :kill | {:errno, atom}

  @typedoc """
  A filter.

    * `:base` - `:default`, to change the default filter
    * `:default` - what becomes of all other calls. Defaults to `:allow`
    * `:allow`, `:deny` (it fails with `EPERM`), `:kill`, `:log` (allowed, and written to the audit
      log), `{:errno, name}` - the calls that are treated so
  """
  @type profile :: [
          {:base, :default}
          | {:default, action}
          | {:allow | :deny | :kill | :log | {:errno, atom}, [rule]}
        ]

  @doc "The default filter as an explicit one."
  @spec default() :: profile
  def default do
    [
      {:default, :allow},
      {:deny, names() ++ clones() ++ terminal()},
      {{:errno, :enosys}, ["clone3"]}
    ]
  end

  defp names, do: Enum.flat_map(@groups, &elem(&1, 1))

  defp clones,
    do: for({_name, flag} <- @namespaces, do: {"clone", [{@clone_flags, {:&, flag}, flag}]})

  defp terminal, do: for(request <- @terminal, do: {"ioctl", [{1, {:&, @lower}, request}]})
end
