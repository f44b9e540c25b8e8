// Hunt: reaching every descendant of this process, whatever it forks meanwhile.
//
// A child of ours is named by its pid until we reap it; anybody deeper is taken by pidfd, and asked
// for its parent again, before it is signalled.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "process/descendants.hpp"

namespace contained::process {

/// REQUIRES: this process is a subreaper, single-threaded, and reaps in between only.
class Hunt {
 public:
  /// Reaps what there is to reap, and says whom.
  using Reap = std::function<std::vector<pid_t>()>;

  /// SIGSTOP to everybody, again until nobody is new, so that nobody forks any more; then SIGKILL
  /// to all. |reap| is called in between. To be repeated until no child is left: one that forks and
  /// exits at once can slip through.
  void kill(const Reap& reap) const;

  /// To everybody, once each. 0 when at least one was reached, else an errno (ESRCH: nobody there).
  int signal_all(int number) const;

  /// How many are alive.
  std::uint64_t count() const;

 private:
  int send(const Relative& to, int number) const;

  pid_t self_ = ::getpid();
};

}  // namespace contained::process
