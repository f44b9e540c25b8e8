#include "process/hunt.hpp"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include "base/proc.hpp"
#include "process/child.hpp"

namespace contained::process {
namespace {

constexpr int kMostPasses = 64;

std::vector<pid_t> reap_nobody() { return {}; }

// Calls |reach| once for each, in passes until one finds nobody new. A number that has been reaped
// may be given to a new one.
template <class Reach>
void for_everybody_below(pid_t self, const Hunt::Reap& reap, Reach reach) {
  std::unordered_set<pid_t> known;
  bool fresh = true;
  for (int pass = 0; fresh && pass < kMostPasses; ++pass) {
    fresh = false;
    visit_descendants(self, [&](const Relative& relative) {
      if (!known.insert(relative.pid).second) return;
      fresh = true;
      reach(relative);
    });
    for (const pid_t pid : reap()) known.erase(pid);
  }
}

}  // namespace

int Hunt::send(const Relative& to, int number) const {
  if (to.parent == self_) return ::kill(to.pid, number) == 0 ? 0 : errno;
  const auto sent = signal_foreign(to.pid, number, [&](pid_t pid) {
    const auto stat = read_proc_stat(pid);
    return stat && (stat->ppid == to.parent || stat->ppid == self_);
  });
  return sent ? 0 : sent.error().code;
}

void Hunt::kill(const Reap& reap) const {
  for_everybody_below(self_, reap,
                      [this](const Relative& relative) { (void)send(relative, SIGSTOP); });
  visit_descendants(self_, [this](const Relative& relative) { (void)send(relative, SIGKILL); });
}

int Hunt::signal_all(int number) const {
  int worst = ESRCH;
  bool reached = false;
  for_everybody_below(self_, reap_nobody, [&](const Relative& relative) {
    const int code = send(relative, number);
    reached = reached || code == 0;
    if (code != ESRCH) worst = code;
  });
  return reached ? 0 : worst;
}

std::uint64_t Hunt::count() const {
  const auto relatives = descendants_of(self_);
  return static_cast<std::uint64_t>(
      std::count_if(relatives.begin(), relatives.end(),
                    [](const Relative& relative) { return is_alive(relative.pid); }));
}

}  // namespace contained::process
