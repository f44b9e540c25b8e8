// Reaper: the one place that reaps. Every child of the worker ends here: leaders, told to their
// sessions, and orphans that the kernel gave to us as their subreaper.
#pragma once

#include <sys/signalfd.h>

#include <csignal>
#include <functional>
#include <string>
#include <unordered_map>

#include "base/result.hpp"
#include "cgroup/ground.hpp"
#include "engine/asio.hpp"
#include "process/exit_status.hpp"

namespace contained::engine {

class Reaper {
 public:
  using OnExit = std::function<void(const process::Reaped&)>;

  /// What the worker asks the kernel for when its parent, the guardian, dies (PR_SET_PDEATHSIG).
  static constexpr int kGuardianGone = SIGUSR1;

  /// SIGCHLD, SIGTERM, SIGHUP, SIGINT and kGuardianGone, to be blocked before anything is forked.
  static sigset_t signals();

  /// REQUIRES: signals() are blocked. |on_signal| is told of all but SIGCHLD.
  Reaper(asio::io_context& io, std::function<void(int)> on_signal);

  Status start();

  /// |on_exit| is called once, when |pid| has been reaped.
  void watch(pid_t pid, OnExit on_exit);

  /// |on_exit| is called for each child that nobody watches and that was in the group |shown| (as
  /// cgroup::shown_group() says it) or below: an orphan that the kernel gave to us.
  void adopt(const std::string& shown, OnExit on_exit) { heirs_[shown] = std::move(on_exit); }
  void forget(const std::string& shown) { heirs_.erase(shown); }

  /// Those of that group, which has become empty: a group loses its members a moment before they
  /// can be reaped. Waits for them, some milliseconds at most.
  void reap_dying(const std::string& shown);

  /// SIGKILLs the children that nobody watches and that are in none of |ground|'s groups: they have
  /// left their group (a root payload can) and their parent has died. Their descendants go first.
  void kill_strays(const cgroup::Ground& ground) const;

 private:
  void wait();
  void read_signals();
  void reap();
  process::Reaped reap_next();
  const OnExit* heir_of(pid_t pid) const;
  void kill_strays_of(pid_t parent, const cgroup::Ground& ground) const;

  Descriptor signals_;
  std::function<void(int)> on_signal_;
  std::unordered_map<pid_t, OnExit> watched_;
  std::unordered_map<std::string, OnExit> heirs_;
};

}  // namespace contained::engine
