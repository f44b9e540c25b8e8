// Sweep: what keepers that were killed together with their guardians have left in control groups.
#pragma once

#include "job/namespace.hpp"

namespace contained::job {

/// Kills and removes the trees in the namespace's groups whose keeper is dead, as the next job's
/// keeper would; waits for at most 5 s. True when none is left.
bool sweep_groups(const Namespace& space);

}  // namespace contained::job
