#include "cli/seccomp_default.hpp"

#include <cstdint>
#include <string_view>

namespace contained::cli {
namespace {

constexpr std::string_view kDenied[] = {
    "adjtimex",
    "clock_adjtime",
    "clock_adjtime64",
    "clock_settime",
    "clock_settime64",
    "settimeofday",
    "stime",
    "create_module",
    "delete_module",
    "finit_module",
    "get_kernel_syms",
    "init_module",
    "query_module",
    "chroot",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "pivot_root",
    "umount",
    "umount2",
    "setns",
    "unshare",
    "ioperm",
    "iopl",
    "pciconfig_iobase",
    "pciconfig_read",
    "pciconfig_write",
    "kexec_file_load",
    "kexec_load",
    "reboot",
    "swapoff",
    "swapon",
    "add_key",
    "keyctl",
    "request_key",
    "kcmp",
    "migrate_pages",
    "move_pages",
    "pidfd_getfd",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "acct",
    "bpf",
    "fanotify_init",
    "lookup_dcookie",
    "nfsservctl",
    "perf_event_open",
    "quotactl",
    "quotactl_fd",
    "syslog",
    "userfaultfd",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "open_by_handle_at",
    "setdomainname",
    "sethostname",
    "vhangup",
    "_sysctl",
    "afs_syscall",
    "bdflush",
    "break",
    "ftime",
    "getpmsg",
    "gtty",
    "idle",
    "lock",
    "mpx",
    "prof",
    "profil",
    "putpmsg",
    "security",
    "sgetmask",
    "ssetmask",
    "stty",
    "sysfs",
    "tuxcall",
    "ulimit",
    "uselib",
    "ustat",
    "vm86",
    "vm86old",
    "vserver",
};

// CLONE_NEW... of clone(2): mount, cgroup, uts, ipc, user, pid, net.
constexpr std::uint64_t kNamespaceFlags[] = {0x00020000, 0x02000000, 0x04000000, 0x08000000,
                                             0x10000000, 0x20000000, 0x40000000};

// On s390 the stack comes first, clone(2).
#if defined(__s390__)
constexpr unsigned kCloneFlags = 1;
#else
constexpr unsigned kCloneFlags = 0;
#endif

// TIOCSTI and TIOCLINUX, ioctl_tty(2). The kernel looks at the lower half of the argument alone.
constexpr std::uint64_t kTerminalRequests[] = {0x5412, 0x541C};
constexpr std::uint64_t kLowerHalf = 0xffffffff;

protocol::SeccompRule deny(std::string_view call) {
  return {{protocol::SeccompAction::Kind::kErrno, "eperm"}, std::string(call), {}};
}

protocol::SeccompRule deny_masked(std::string_view call, unsigned argument, std::uint64_t mask,
                                  std::uint64_t value) {
  auto rule = deny(call);
  rule.conditions.push_back({argument, protocol::SeccompCondition::Op::kMasked, value, mask});
  return rule;
}

}  // namespace

protocol::Seccomp default_seccomp() {
  protocol::Seccomp filter;
  for (const auto call : kDenied) filter.rules.push_back(deny(call));
  for (const auto flag : kNamespaceFlags) {
    filter.rules.push_back(deny_masked("clone", kCloneFlags, flag, flag));
  }
  for (const auto request : kTerminalRequests) {
    filter.rules.push_back(deny_masked("ioctl", 1, kLowerHalf, request));
  }
  // Its flags lie in memory, where no filter sees them; C libraries then take clone(2).
  filter.rules.push_back({{protocol::SeccompAction::Kind::kErrno, "enosys"}, "clone3", {}});
  return filter;
}

}  // namespace contained::cli
