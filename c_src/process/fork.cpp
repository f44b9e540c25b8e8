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

// Which of them it was the kernel does not tell. Without rights none would have been made but that
// of users, which brings them.
Error error_of_fork(int code, bool into_cgroup, Namespaces made) {
  const bool about_them =
      code == EPERM || code == ENOSPC || code == EUSERS || code == EINVAL || code == ENOSYS;
  if (made == 0 || !about_them) return Error{code, stage_of(code, into_cgroup), {}};
  return Error{code, Stage::kNamespace, first_name(made)};
}

// Not with CLONE_VFORK: an exec on a dead file server would stop us with it.
Result<Forked> fork_by_clone3(int cgroup_fd, Namespaces made) {
  int pidfd = -1;
  const bool into_cgroup = cgroup_fd >= 0;
  CloneArgs args;
  args.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | made;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (into_cgroup) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(cgroup_fd);
  }
  const auto pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return error_of_fork(errno, into_cgroup, made);
  if (pid == 0) return Forked{};
  return Forked{static_cast<pid_t>(pid), UniqueFd(pidfd)};
}

// clone(2) as a fork.
pid_t clone_process(Namespaces made) {
  if (made == 0) return ::fork();
  const auto flags = static_cast<unsigned long>(made | SIGCHLD);
#if defined(__s390__) || defined(__CRIS__)
  return static_cast<pid_t>(::syscall(SYS_clone, nullptr, flags, nullptr, nullptr, nullptr));
#else
  return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
#endif
}

Result<Forked> fork_by_fork(Refused& refused, Namespaces made) {
  const pid_t pid = clone_process(made);
  if (pid < 0) return error_of_fork(errno, false, made);
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
  auto forked = fork_by_fork(refused, plan.clone_flags);
  if (forked && forked->pid == 0) plan.entry(plan);
  return forked;
}

Result<Forked> fork_into(const ChildPlan& plan, int cgroup_fd, Refused& refused) {
  const SignalsBlocked blocked;
  if (!refused.clone3) {
    auto forked = fork_by_clone3(cgroup_fd, plan.clone_flags);
    if (forked && forked->pid == 0) plan.entry(plan);
    if (forked || !may_fall_back(forked.error())) return forked;
    // The refusal of a namespace says nothing of the call.
    refused.clone3 = plan.clone_flags == 0;
  }
  return fork_and_attach(plan, cgroup_fd, refused);
}

// ---- The ids of a new user namespace

void map_in_helper(const ChildPlan& plan) {
  attach(plan);
  run_map_helper(plan.maps, plan.close_range_refused);
}

// In the child's groups, where it ends with it.
void start_map_helper(ChildPlan plan, pid_t child, int cgroup_fd, Refused& refused) {
  const HelperCommands commands(*plan.maps.maps, child);
  plan.maps.commands = &commands;
  plan.entry = map_in_helper;
  plan.clone_flags = 0;
  const auto helper = fork_into(plan, cgroup_fd, refused);
  if (!helper) tell_child(plan.maps, helper.error());
}

void map_ids_of(pid_t child, const ChildPlan& plan, int cgroup_fd, Refused& refused) {
  if (plan.maps.maps->by_helper) return start_map_helper(plan, child, cgroup_fd, refused);
  map_ids(plan.maps, child);
}

}  // namespace

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

Result<Forked> fork_child(const ChildPlan& plan, int cgroup_fd, Refused& refused) {
  auto forked = fork_into(plan, cgroup_fd, refused);
  if (forked && plan.maps.maps != nullptr) map_ids_of(forked->pid, plan, cgroup_fd, refused);
  return forked;
}

Result<Forked> fork_self(Refused& refused) {
  if (!refused.clone3) {
    auto forked = fork_by_clone3(-1, 0);
    if (forked || !may_fall_back(forked.error())) return forked;
    refused.clone3 = true;
  }
  return fork_by_fork(refused, 0);
}

}  // namespace contained::process
