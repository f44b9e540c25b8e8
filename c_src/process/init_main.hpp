// What runs in an init of ours. See spawn_init() in stub.hpp for what it promises.
#pragma once

#include "process/child_setup.hpp"

namespace contained::process {

/// Never returns. REQUIRES: as of run_child(), in a new pid namespace, with |plan.control_fd|.
[[noreturn]] void run_init(const ChildPlan& plan);

}  // namespace contained::process
