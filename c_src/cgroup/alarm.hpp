// What v1 tells of want of memory, for it has no file of events.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace contained::cgroup {

/// An eventfd(2) that becomes readable whenever the v1 memory group |dirfd| wants memory, by its
/// own limit or by that of one above it, just before the kernel kills somebody; and when the group
/// is removed (cgroup-v1/memory.rst, "OOM Control"). Of a group below it that has met a limit of
/// its own it does not tell. ENOENT on v2, and on kernels without cgroup.event_control.
Result<UniqueFd> memory_alarm(int dirfd);

}  // namespace contained::cgroup
