// Life: whether what a file tells of is still there. A pid alone says nothing, it may be another's
// by now; with its start time, the boot and the pid namespace it names one process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace contained::job {

/// /proc/sys/kernel/random/boot_id; empty when it cannot be read.
const std::string& boot_id();

/// One process of this boot and pid namespace.
struct Mark {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< clock ticks since boot
  bool operator==(const Mark&) const = default;
};

/// That of a process that is there; pid 0 when it is not.
Mark mark_of(pid_t pid);

/// Whether it lives; a zombie does not.
bool is_alive(const Mark& mark);

/// Sends |number| to that very process. ESRCH when it is gone.
Status signal_marked(const Mark& mark, int number);

/// Milliseconds since 1970.
std::uint64_t now_ms();

}  // namespace contained::job
