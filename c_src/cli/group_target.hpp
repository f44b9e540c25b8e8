// A control group as it is named on the command line: by its directory, or by a process in it.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "cgroup/quarters.hpp"

namespace contained::cli {

/// |target| is a directory of a hierarchy, a path below the one that tracks (v2's, else v1's
/// freezer), or a pid. The first address is of the group that tracks. Of one of ours all its groups
/// in v1 hierarchies come with it. ENOENT, ESRCH; EINVAL for what is no control group, or a
/// hierarchy's root.
Result<std::vector<cgroup::Address>> find_group(const std::string& target);

}  // namespace contained::cli
