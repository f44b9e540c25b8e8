// Bind mounts, read-only to their last leaf, between fork and exec.
#pragma once

#include "process/mounts.hpp"

namespace contained::process {

/// Mounts what |step| has opened, with all that is mounted in it, upon |target|; it is never to be
/// written to, not for a moment, when it is read-only. By open_tree(2) and mount_setattr(2); where
/// they are refused, or with |old_calls|, by mount(2), which needs /proc and leaves that moment.
/// False with errno.
bool bind_mount(int root, int target, const MountStep& step, bool old_calls) noexcept;

/// The mount |fd| is in, or with |recursive| what is mounted below |fd| too. All else about the
/// mounts stays: flags that a user namespace may not change are not touched.
bool make_read_only(int fd, bool recursive, bool old_calls) noexcept;

}  // namespace contained::process
