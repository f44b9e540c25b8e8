// The kernel's interface as of Linux 5.9, whatever the age of the headers we are compiled with.
//
// Toolchains carry headers older than the kernels their programs run on (Nerves: 5.4), and musl has
// fewer of these names than glibc. Whether a call works is asked of the running kernel, by its
// errno, never of the headers.
#pragma once

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>

#include <cstdint>

// From number 424 on all machines share one table (uapi/asm-generic/unistd.h), but for those that
// add a base of their own.
#if defined(__alpha__) || defined(__mips__) || (defined(__x86_64__) && defined(__ILP32__))
#ifndef SYS_close_range
#error "on this machine the kernel headers must be those of Linux 5.9 or later"
#endif
#endif

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

// clone3(2)
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

// openat2(2)
#ifndef RESOLVE_NO_MAGICLINKS
#define RESOLVE_NO_MAGICLINKS 0x02
#endif
#ifndef RESOLVE_NO_SYMLINKS
#define RESOLVE_NO_SYMLINKS 0x04
#endif
#ifndef RESOLVE_BENEATH
#define RESOLVE_BENEATH 0x08
#endif
#ifndef RESOLVE_IN_ROOT
#define RESOLVE_IN_ROOT 0x10
#endif

// fcntl(2); musl and glibc show them only with _GNU_SOURCE
#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#endif
#ifndef F_GETPIPE_SZ
#define F_GETPIPE_SZ 1032
#endif

namespace contained {

// open_tree(2), move_mount(2), mount_setattr(2): 5.2 and 5.12. The headers that have these names
// and the C libraries' do not go together.
inline constexpr unsigned kOpenTreeClone = 1;
inline constexpr unsigned kOpenTreeCloexec = O_CLOEXEC;
inline constexpr unsigned kMoveMountFromEmptyPath = 0x04;
inline constexpr unsigned kMoveMountToEmptyPath = 0x40;
inline constexpr unsigned kAtRecursive = 0x8000;
inline constexpr std::uint64_t kMountAttrReadOnly = 0x01;

/// struct clone_args of clone3(2), all of it: before 5.7 the headers' own ends at |tls|. A kernel
/// that knows less answers E2BIG when a field beyond its own is not zero.
struct CloneArgs {
  std::uint64_t flags = 0;
  std::uint64_t pidfd = 0;  ///< address of an int
  std::uint64_t child_tid = 0;
  std::uint64_t parent_tid = 0;
  std::uint64_t exit_signal = 0;
  std::uint64_t stack = 0;
  std::uint64_t stack_size = 0;
  std::uint64_t tls = 0;
  std::uint64_t set_tid = 0;
  std::uint64_t set_tid_size = 0;
  std::uint64_t cgroup = 0;  ///< a descriptor, with CLONE_INTO_CGROUP
};
static_assert(sizeof(CloneArgs) == 88, "CLONE_ARGS_SIZE_VER2");

/// struct mount_attr of mount_setattr(2).
struct MountAttr {
  std::uint64_t attr_set = 0;
  std::uint64_t attr_clr = 0;
  std::uint64_t propagation = 0;
  std::uint64_t userns_fd = 0;
};
static_assert(sizeof(MountAttr) == 32, "MOUNT_ATTR_SIZE_VER0");

/// struct open_how of openat2(2).
struct OpenHow {
  std::uint64_t flags = 0;
  std::uint64_t mode = 0;
  std::uint64_t resolve = 0;
};
static_assert(sizeof(OpenHow) == 24, "OPEN_HOW_SIZE_VER0");

}  // namespace contained
