#include "process/exit_status.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace contained::process {
namespace {

// glibc's waitid(2) drops the kernel's fifth argument, the usage, and wait4(2) has no si_code.
// With WNOHANG and nobody to reap the call succeeds and leaves si_pid 0, waitid(2).
Reaped wait_for(idtype_t whom, pid_t pid, int flags) {
  siginfo_t info = {};
  rusage usage = {};
  long waited = 0;
  do {
    waited = ::syscall(SYS_waitid, whom, pid, &info, WEXITED | WNOHANG | flags, &usage);
  } while (waited < 0 && errno == EINTR);
  if (waited < 0 || info.si_pid == 0) return {};
  return {info.si_pid, exit_status_of(info), usage};
}

}  // namespace

ExitStatus exit_status_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {true, info.si_status, false};
  return {false, info.si_status, info.si_code == CLD_DUMPED};
}

Reaped reap_one() { return wait_for(P_ALL, 0, 0); }

pid_t find_dead() { return wait_for(P_ALL, 0, WNOWAIT).pid; }

Reaped reap_child(pid_t pid) { return wait_for(P_PID, pid, 0); }

}  // namespace contained::process
