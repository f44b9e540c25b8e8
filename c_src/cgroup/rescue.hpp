// The end of a launcher's trees by somebody else's hand: its port program hangs.
#pragma once

#include <string>

#include "base/result.hpp"

namespace contained::cgroup {

/// One round of kill and remove of the tree |path|, as Ground::path() tells it, and of its sisters
/// in the v1 hierarchies. True when all are gone: call again until then. EINVAL: no tree's path.
Result<bool> kill_trees(const std::string& path);

}  // namespace contained::cgroup
