#include "process/child.hpp"

#include <signal.h>
#include <unistd.h>

#include "base/linux.hpp"

namespace contained::process {
namespace {

Error no_such_process() { return Error{ESRCH, Stage::kSignal, {}}; }

// A seccomp filter answers EPERM or ENOSYS. A genuine EPERM is told by kill(2) in its turn.
bool may_be_refused(const Error& error) { return error.code == EPERM || error.code == ENOSYS; }

Status send_by_pidfd(int pidfd, int number) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) < 0) {
    return Error::last(Stage::kSignal);
  }
  return Done{};
}

Status send_by_pid(pid_t pid, int number) {
  if (::kill(pid, number) < 0) return Error::last(Stage::kSignal);
  return Done{};
}

}  // namespace

void Child::mark_reaped() {
  reaped_ = true;
  pidfd_.reset();
}

Status Child::signal(int number) const {
  if (reaped_ || pid_ <= 0) return no_such_process();
  if (pidfd_) {
    auto sent = send_by_pidfd(pidfd_.get(), number);
    if (sent || !may_be_refused(sent.error())) return sent;
  }
  return send_by_pid(pid_, number);
}

Result<UniqueFd> open_pidfd(pid_t pid) {
  const auto fd = ::syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return Error::last(Stage::kSignal);
  return UniqueFd(static_cast<int>(fd));
}

Status signal_foreign(pid_t pid, int number, const std::function<bool(pid_t)>& still_member) {
  // cgroup.procs shows 0 for a process outside our pid namespace; kill(2) would take it for a
  // group.
  if (pid <= 0) return no_such_process();
  auto pidfd = open_pidfd(pid);
  // EINVAL: no leader of a thread group any more, pidfd_open(2).
  if (!pidfd && (pidfd.error().code == ESRCH || pidfd.error().code == EINVAL)) {
    return no_such_process();
  }
  if (!still_member(pid)) return no_such_process();
  if (!pidfd) return send_by_pid(pid, number);
  auto sent = send_by_pidfd(pidfd->get(), number);
  if (sent || !may_be_refused(sent.error())) return sent;
  return still_member(pid) ? send_by_pid(pid, number) : no_such_process();
}

}  // namespace contained::process
