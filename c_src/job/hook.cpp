#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "job/keeper.hpp"

namespace contained::job {
namespace {

void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

// After a fork from a process with one thread: everything is allowed.
[[noreturn]] void become_hook(const std::string& space, const Job& job, const Outcome& outcome) {
  set("CONTAINED_NAMESPACE", space);
  set("CONTAINED_NAME", job.name);
  set("CONTAINED_STATUS", std::to_string(outcome.status()));
  set("CONTAINED_SIGNAL", outcome.exited ? "" : std::to_string(outcome.code));
  set("CONTAINED_REASON", outcome.reason);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  (void)!::chdir(job.cwd.c_str());
  ::execl("/bin/sh", "sh", "-c", job.on_exit.c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

}  // namespace

void run_hook(const std::string& space, const Job& job, const Outcome& outcome, bool wait) {
  if (job.on_exit.empty()) return;
  const pid_t pid = ::fork();
  if (pid == 0) become_hook(space, job, outcome);
  if (pid < 0 || !wait) return;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Outcome killed_outcome(const Job& job) {
  Outcome outcome;
  outcome.exited = false;
  outcome.code = SIGKILL;
  outcome.reason = kReasonDied;
  outcome.started_ms = job.started_ms;
  outcome.ended_ms = now_ms();
  return outcome;
}

}  // namespace contained::job
