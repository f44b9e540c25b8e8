#include "process/exit_status.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace contained::process {
namespace {

// glibc's waitid(2) drops the kernel's fifth argument, the usage, and wait4(2) has no si_code.
long wait_for_any(siginfo_t& info, rusage& usage) {
  return ::syscall(SYS_waitid, P_ALL, 0, &info, WEXITED | WNOHANG, &usage);
}

}  // namespace

ExitStatus exit_status_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {true, info.si_status, false};
  return {false, info.si_status, info.si_code == CLD_DUMPED};
}

Reaped reap_one() {
  siginfo_t info = {};
  rusage usage = {};
  long waited = 0;
  do {
    waited = wait_for_any(info, usage);
  } while (waited < 0 && errno == EINTR);
  // With WNOHANG and nobody to reap the call succeeds and leaves si_pid 0, waitid(2).
  if (waited < 0 || info.si_pid == 0) return {};
  return {info.si_pid, exit_status_of(info), usage};
}

}  // namespace contained::process
