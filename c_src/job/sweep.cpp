#include "job/sweep.hpp"

#include <poll.h>
#include <unistd.h>

#include "base/proc.hpp"
#include "cgroup/ground.hpp"
#include "engine/sweeper.hpp"
#include "job/life.hpp"

namespace contained::job {
namespace {

constexpr int kSweepPauseMs = 20;

}  // namespace

bool sweep_groups(const Namespace& space) {
  const auto self = mark_of(::getpid());
  const cgroup::Owner owner{pid_namespace(), self.pid, self.start_time};
  auto ground = cgroup::Ground::create({.base = space.plot().path}, owner);
  if (!ground) return false;
  engine::Sweeper sweeper(*ground);
  while (!sweeper.over()) {
    sweeper.round();
    ::poll(nullptr, 0, kSweepPauseMs);
  }
  const auto gone = ground->destroy();
  return ground->stale().empty() && gone && *gone;
}

}  // namespace contained::job
