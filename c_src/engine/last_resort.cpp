#include "engine/last_resort.hpp"

#include <poll.h>
#include <unistd.h>

#include <csignal>

#include "base/proc.hpp"
#include "process/exit_status.hpp"

namespace contained::engine {
namespace {

// Children of ours cannot be recycled pids before we have reaped them.
bool kill_children() {
  const auto children = children_of(::getpid());
  for (const pid_t pid : children) ::kill(pid, SIGKILL);
  while (process::reap_one().pid > 0) {
  }
  return children.empty();
}

}  // namespace

bool kill_everything(cgroup::Ground& ground) {
  constexpr int kPauseMs = 2;
  constexpr int kMostRounds = 2500;
  // Want of memory passes, a hierarchy that has become read-only does not.
  constexpr int kMostFailures = 50;
  int failures = 0;
  for (int round = 0; round < kMostRounds; ++round) {
    const auto removed = ground.destroy();
    // Killing the parents gives us the children: looked at after the groups.
    const bool childless = kill_children();
    const bool gone = removed ? *removed : ++failures > kMostFailures;
    if (childless && gone) return true;
    ::poll(nullptr, 0, kPauseMs);
  }
  return false;
}

}  // namespace contained::engine
