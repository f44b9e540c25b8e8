// Bind mounts, read-only to their last leaf, between fork and exec.
#pragma once

#include "process/mounts.hpp"

namespace contained::process {

/// Whether open_tree(2), move_mount(2) or mount_setattr(2) is missing (before 5.12) or forbidden.
/// Without them the others below take |old_calls|, and do what they can by mount(2).
bool mount_calls_are_refused() noexcept;

/// The source of |step| as it is now, with all that is mounted in it; -1 with errno. With
/// |old_calls| what is mounted in it later counts, too.
int open_source(MountStep& step, bool old_calls) noexcept;

/// Mounts what |step| has opened upon |target|; it is never to be written to, not for a moment,
/// when it is read-only. With |old_calls| it needs /proc and leaves that moment; what is for
/// writing below a root that is not is so without what is mounted in it. False with errno.
bool bind_mount(int root, int target, const MountStep& step, bool old_calls) noexcept;

/// The mount |fd| is in, or with |recursive| what is mounted below |fd| too. All else about the
/// mounts stays: flags that a user namespace may not change are not touched.
bool make_read_only(int fd, bool recursive, bool old_calls) noexcept;

}  // namespace contained::process
