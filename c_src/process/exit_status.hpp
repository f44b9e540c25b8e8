// How a process ended. An exit is a type, never an int plus 128.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

namespace contained::process {

struct ExitStatus {
  bool exited = true;        ///< else it was ended by a signal
  int code = 0;              ///< exit code, or signal number
  bool core_dumped = false;  ///< only when signaled

  bool operator==(const ExitStatus&) const = default;
};

/// REQUIRES: |info| was filled by waitid(2) with WEXITED.
ExitStatus exit_status_of(const siginfo_t& info);

/// One child that has ended, as the reaper found it.
struct Reaped {
  pid_t pid = 0;
  ExitStatus status;
  rusage usage = {};  ///< of the child and the descendants it had waited for
};

/// Reaps one ended child without blocking; pid 0 when there is none to reap.
Reaped reap_one();

/// A child that reap_one() could reap; 0 when there is none.
pid_t find_dead();

/// Reaps the child |pid| without blocking; pid 0 when it has not ended.
Reaped reap_child(pid_t pid);

}  // namespace contained::process
