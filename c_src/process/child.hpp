// Child: a process we started and have not reaped yet.
//
// A pid names the process only until it is reaped; a pidfd names it for ever. Where the kernel
// refuses pidfds the pid serves, because the one reaper (engine/reaper.hpp) tells when it is gone.
#pragma once

#include <sys/types.h>

#include <functional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace contained::process {

class Child {
 public:
  Child() = default;
  /// Takes ownership of |pidfd|, which may be invalid.
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid() const { return pid_; }
  bool reaped() const { return reaped_; }

  /// To be called by whoever reaped |pid()|; signals are answered with ESRCH from then on.
  void mark_reaped();

  /// pidfd_send_signal(2), or kill(2) without a pidfd. ESRCH once reaped; never signals a stranger.
  Status signal(int number) const;

 private:
  pid_t pid_ = 0;
  UniqueFd pidfd_;
  bool reaped_ = false;
};

/// pidfd_open(2); ENOSYS and EPERM where it is refused.
Result<UniqueFd> open_pidfd(pid_t pid);

/// Signals a process that is not ours to reap (a member of a control group): takes a pidfd first,
/// asks |still_member| then, signals through the pidfd last, so that a recycled pid is never hit.
/// Without pidfds the question comes directly before kill(2). ESRCH when it is gone or no member.
Status signal_foreign(pid_t pid, int number, const std::function<bool(pid_t)>& still_member);

}  // namespace contained::process
