// What a worker and a stub, copies of one program, say to each other: one word per message.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <type_traits>

#include "process/exit_status.hpp"

namespace contained::process {

struct StubWord {
  enum class Kind : std::uint8_t {
    kLeader,        ///< number: pid, count: start time
    kLeaderExited,  ///< status, usage, count: others alive
    kSignaled,      ///< number: errno
    kCount,         ///< count: processes
    kOrphanExited,  ///< number: pid, status
    // from the worker
    kSignal,  ///< number, leader_only
    kKill,
    kList
  };

  Kind kind = Kind::kKill;
  bool leader_only = false;
  std::int32_t number = 0;
  std::uint64_t count = 0;
  ExitStatus status = {};
  rusage usage = {};
};
static_assert(std::is_trivially_copyable_v<StubWord>);

}  // namespace contained::process
