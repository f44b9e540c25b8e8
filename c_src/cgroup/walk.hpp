// The groups below a group: listing their processes, removing them. Relative to descriptors only,
// so that neither a long path nor a replaced directory can lead elsewhere.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace contained::cgroup {

/// Sub-groups deeper than this are not listed (they are killed and removed all the same).
inline constexpr int kListedDepth = 64;

/// So many groups one call removes at most: it runs in the loop that serves everybody.
inline constexpr int kRemovedAtOnce = 256;

/// The names of the groups directly in |dirfd|, in no order.
std::vector<std::string> subgroups_of(int dirfd);

/// The pids in the group |dirfd| itself, as they are listed.
std::vector<pid_t> members_of(int dirfd);

/// The pids in the group |dirfd| and below, sorted, each once. A vanished group is empty; pid 0 (a
/// process of a foreign pid namespace) is skipped; of threaded groups the thread group ids.
std::vector<pid_t> processes_below(int dirfd);

/// Calls |visit| with a descriptor of each group below |dirfd|, to kListedDepth.
void for_each_below(int dirfd, const std::function<void(int)>& visit);

/// Removes the groups below |dirfd|, deepest first, holding two descriptors at any depth. True when
/// none is left, false when one is populated or kRemovedAtOnce were removed.
Result<bool> remove_below(int dirfd);

}  // namespace contained::cgroup
