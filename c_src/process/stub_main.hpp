// What runs in the stub. See stub.hpp for what it promises.
#pragma once

#include <sys/types.h>

#include "process/child_setup.hpp"
#include "process/spawn.hpp"

namespace contained::process {

/// Never returns. REQUIRES: called in a forked copy of the single-threaded process |worker|, with
/// all signals blocked. |control|: its end of a SOCK_SEQPACKET pair, blocking.
[[noreturn]] void run_stub(ChildPlan plan, int control, pid_t worker, Refused& refused);

}  // namespace contained::process
