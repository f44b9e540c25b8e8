#include "process/fork.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/file.hpp"
#include "base/linux.hpp"

namespace contained::process {

bool is_refused(int code) { return code == ENOSYS || code == EPERM; }

UniqueFd pidfd_of(pid_t pid, Refused& refused) {
  if (refused.pidfd_open) return {};
  auto pidfd = open_pidfd(pid);
  if (pidfd) return std::move(pidfd).value();
  refused.pidfd_open = is_refused(pidfd.error().code);
  return {};
}

namespace {

// What CLONE_INTO_CGROUP adds to the errors of a fork, clone(2) and cgroup_css_set_fork().
Stage stage_of(int code, bool into_cgroup) {
  switch (code) {
    case EACCES:
    case EBADF:
    case EBUSY:
    case ENODEV:
    case ENOENT:
    case EOPNOTSUPP:
      return into_cgroup ? Stage::kCgroup : Stage::kFork;
    default:
      return Stage::kFork;
  }
}

// EINVAL and E2BIG are an older kernel's words for a flag or a field that it does not know.
bool may_fall_back(const Error& error) {
  return is_refused(error.code) || error.code == EINVAL || error.code == E2BIG;
}

// Not with CLONE_VFORK: an exec on a dead file server would stop us with it.
Result<Forked> fork_by_clone3(int cgroup_fd) {
  int pidfd = -1;
  const bool into_cgroup = cgroup_fd >= 0;
  CloneArgs args;
  args.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (into_cgroup) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(cgroup_fd);
  }
  const auto pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return Error{errno, stage_of(errno, into_cgroup), {}};
  if (pid == 0) return Forked{};
  return Forked{static_cast<pid_t>(pid), UniqueFd(pidfd)};
}

Result<Forked> fork_by_fork(Refused& refused) {
  const pid_t pid = ::fork();
  if (pid < 0) return Error::last(Stage::kFork);
  if (pid == 0) return Forked{};
  return Forked{pid, pidfd_of(pid, refused)};
}

Result<UniqueFd> open_procs(int cgroup_fd) {
  if (cgroup_fd < 0) return UniqueFd();
  return open_at(cgroup_fd, "cgroup.procs", O_WRONLY, Stage::kCgroup);
}

Result<Forked> fork_and_attach(ChildPlan plan, int cgroup_fd, Refused& refused) {
  const auto procs = open_procs(cgroup_fd);
  if (!procs) return procs.error();
  if (procs.value()) plan.attach_fds[plan.attach_count++] = procs.value().get();
  plan.reset_signals = kAllSignals;  // our handlers too: nothing cleared them
  auto forked = fork_by_fork(refused);
  if (forked && forked->pid == 0) run_child(plan);
  return forked;
}

}  // namespace

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

Result<Forked> fork_child(const ChildPlan& plan, int cgroup_fd, Refused& refused) {
  const SignalsBlocked blocked;
  if (!refused.clone3) {
    auto forked = fork_by_clone3(cgroup_fd);
    if (forked && forked->pid == 0) run_child(plan);
    if (forked || !may_fall_back(forked.error())) return forked;
    refused.clone3 = true;
  }
  return fork_and_attach(plan, cgroup_fd, refused);
}

Result<Forked> fork_self(Refused& refused) {
  if (!refused.clone3) {
    auto forked = fork_by_clone3(-1);
    if (forked || !may_fall_back(forked.error())) return forked;
    refused.clone3 = true;
  }
  return fork_by_fork(refused);
}

}  // namespace contained::process
