#include "process/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

#include "base/file.hpp"
#include "base/linux.hpp"
#include "process/child_setup.hpp"

namespace contained::process {
namespace {

// A handler of ours that ran in the child, on a copy of our memory, would act on our descriptors.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

struct Forked {
  pid_t pid = 0;
  UniqueFd pidfd;
};

// The pointer arrays that execve(2) wants; they point into the strings of the spec.
struct Pointers {
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<char*> candidates;
};

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  // execve(2) takes char* for history's sake and changes nothing.
  for (const auto& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

bool any_has_nul(const std::vector<std::string>& strings) {
  for (const auto& string : strings) {
    if (has_nul(string)) return true;
  }
  return false;
}

std::string_view bad_field(const SpawnSpec& spec) {
  if (has_nul(spec.program)) return "program";
  if (spec.args.empty() || any_has_nul(spec.args)) return "args";
  if (any_has_nul(spec.env)) return "env";
  if (any_has_nul(spec.candidates)) return "candidates";
  if (spec.cd && has_nul(*spec.cd)) return "cd";
  return {};
}

ChildPlan plan_for(const SpawnSpec& spec, Pointers& pointers, int status_fd,
                   const Refused& refused) {
  ChildPlan plan;
  if (!spec.candidates.empty()) plan.candidates = pointers.candidates.data();
  plan.program = spec.program.c_str();
  plan.argv = pointers.argv.data();
  plan.envp = pointers.envp.data();
  plan.cd = spec.cd ? spec.cd->c_str() : nullptr;
  plan.stdio = spec.stdio;
  plan.status_fd = status_fd;
  plan.parent = ::getpid();
  plan.open_files = spec.open_files ? &*spec.open_files : nullptr;
  plan.reset_signals = refused.ignored_signals.value_or(kAllSignals);
  plan.close_range_refused = refused.close_range;
  return plan;
}

bool is_refused(int code) { return code == ENOSYS || code == EPERM; }

// EINVAL and E2BIG are an older kernel's words for a flag or a field that it does not know.
bool may_fall_back(int code) { return is_refused(code) || code == EINVAL || code == E2BIG; }

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

// Not with CLONE_VFORK: an exec on a dead file server would stop us with it.
Result<Forked> fork_by_clone3(const ChildPlan& plan, int cgroup_fd) {
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
  if (pid == 0) run_child(plan);
  if (pid < 0) return Error{errno, stage_of(errno, into_cgroup), {}};
  return Forked{static_cast<pid_t>(pid), UniqueFd(pidfd)};
}

// The child is not reaped before the caller's loop runs again, so its pid is still its own.
UniqueFd pidfd_of(pid_t pid, Refused& refused) {
  if (refused.pidfd_open) return {};
  auto pidfd = open_pidfd(pid);
  if (pidfd) return std::move(pidfd).value();
  refused.pidfd_open = is_refused(pidfd.error().code);
  return {};
}

Result<UniqueFd> open_procs(int cgroup_fd) {
  if (cgroup_fd < 0) return UniqueFd();
  return open_at(cgroup_fd, "cgroup.procs", O_WRONLY, Stage::kCgroup);
}

Result<Forked> fork_by_fork(ChildPlan plan, int cgroup_fd, Refused& refused) {
  const auto procs = open_procs(cgroup_fd);
  if (!procs) return procs.error();
  plan.procs_fd = procs.value().get();
  plan.reset_signals = kAllSignals;  // our handlers too: nothing cleared them
  const pid_t pid = ::fork();
  if (pid == 0) run_child(plan);
  if (pid < 0) return Error::last(Stage::kFork);
  return Forked{pid, pidfd_of(pid, refused)};
}

Result<Forked> fork_child(const ChildPlan& plan, int cgroup_fd, Refused& refused) {
  const SignalsBlocked blocked;
  if (!refused.clone3) {
    auto forked = fork_by_clone3(plan, cgroup_fd);
    if (forked || !may_fall_back(forked.error().code)) return forked;
    refused.clone3 = true;
  }
  return fork_by_fork(plan, cgroup_fd, refused);
}

SignalBits signals_ignored() {
  SignalBits ignored = 0;
  for (int number = 1; number <= kLastSignal; ++number) {
    struct sigaction action = {};
    const bool known = ::sigaction(number, nullptr, &action) == 0;
    if (known && action.sa_handler == SIG_IGN) ignored |= SignalBits{1} << (number - 1);
  }
  return ignored;
}

// Both calls are harmless as they stand: no descriptor has that number, no clone_args that size.
bool close_range_is_refused() { return ::syscall(SYS_close_range, UINT_MAX, UINT_MAX, 0) < 0; }
bool clone3_is_refused() { return ::syscall(SYS_clone3, nullptr, 0) < 0 && is_refused(errno); }

}  // namespace

void probe(Refused& refused) {
  if (!refused.ignored_signals) refused.ignored_signals = signals_ignored();
  refused.close_range = refused.close_range || close_range_is_refused();
  refused.clone3 = refused.clone3 || clone3_is_refused();
  pidfd_of(::getpid(), refused);
}

Result<Spawned> spawn(const SpawnSpec& spec, Refused& refused) {
  const auto bad = bad_field(spec);
  if (!bad.empty()) return Error{EINVAL, Stage::kOption, std::string(bad)};
  if (!refused.ignored_signals) probe(refused);
  std::array<int, 2> ends;
  // Non-blocking on both ends: the one word always fits.
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) < 0) return Error::last(Stage::kPipe);
  UniqueFd status(ends[0]);
  const UniqueFd status_write(ends[1]);
  Pointers pointers = {pointers_to(spec.args), pointers_to(spec.env), pointers_to(spec.candidates)};
  const auto plan = plan_for(spec, pointers, status_write.get(), refused);
  auto forked = fork_child(plan, spec.cgroup_fd, refused);
  if (!forked) return forked.error();
  return Spawned{Child(forked->pid, std::move(forked->pidfd)), std::move(status)};
}

ExecStatus read_exec_status(int status_fd) {
  StatusWord word = {};
  ssize_t n = 0;
  do {
    n = ::read(status_fd, word.data(), word.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return {ExecState::kPending, {}};
  if (n < 0) return {ExecState::kFailed, Error::last(Stage::kPipe)};
  if (n == 0) return {ExecState::kDone, {}};
  return {ExecState::kFailed, decode_status(word)};
}

}  // namespace contained::process
