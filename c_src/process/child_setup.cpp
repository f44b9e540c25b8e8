#include "process/child_setup.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "process/close_fds.hpp"
#include "process/status_word.hpp"

namespace contained::process {
namespace {

// Where the child keeps its descriptors: 0 to 2 for the program, then the status pipe.
constexpr int kSlots = kStatusFd + 1;

constexpr int kBusyRetries = 3;
constexpr timespec kBusyPause = {0, 10'000'000};

using Sources = std::array<int, kSlots>;

// A source that stands in another one's slot would be overwritten: out of the way with it.
int moved_out_of_the_slots(int source, std::size_t slot, int status_fd) noexcept {
  if (source >= kSlots || source == static_cast<int>(slot)) return source;
  const int moved = ::fcntl(source, F_DUPFD_CLOEXEC, kSlots);
  if (moved < 0) fail(Stage::kStdio, kNoDetail, status_fd);
  return moved;
}

void put(int source, int slot) noexcept {
  const bool ours = slot > STDERR_FILENO;
  const int done = source == slot ? ::fcntl(slot, F_SETFD, ours ? FD_CLOEXEC : 0)
                                  : ::dup3(source, slot, ours ? O_CLOEXEC : 0);
  if (done < 0) fail(Stage::kStdio, kNoDetail, slot == kStatusFd ? source : kStatusFd);
}

// The status pipe goes first, so that it can tell of all that follows.
void place_descriptors(const ChildPlan& plan) noexcept {
  Sources sources = {plan.stdio[0], plan.stdio[1], plan.stdio[2], plan.status_fd};
  for (std::size_t slot = 0; slot < sources.size(); ++slot) {
    sources[slot] = moved_out_of_the_slots(sources[slot], slot, plan.status_fd);
  }
  put(sources[kStatusFd], kStatusFd);
  for (int slot = 0; slot <= STDERR_FILENO; ++slot) {
    put(sources[static_cast<std::size_t>(slot)], slot);
  }
}

// Closed now and not by the exec: a child stuck before its exec (a dead file server) would hold the
// ends of everybody's pipes meanwhile.
void close_foreign(bool close_range_refused) noexcept {
  require(close_from(kSlots, close_range_refused), Stage::kStdio);
}

// Before anything else: what the child does from here on is charged to its groups.
void attach(const ChildPlan& plan) noexcept {
  for (std::size_t i = 0; i < plan.attach_count; ++i) {
    if (::write(plan.attach_fds[i], "0", 1) != 1) fail(Stage::kCgroup, kNoDetail, plan.status_fd);
  }
}

// The signal is sent when the parent's thread ends, so a parent that is gone already never sends
// it.
void die_with(pid_t parent) noexcept {
  require(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, Stage::kSignal);
  if (::getppid() != parent) ::_exit(kSetupFailed);
}

// Ignored signals stay ignored over an exec; ERTS leaves us SIGPIPE and SIGFPE so.
void reset_signals(SignalBits signals) noexcept {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number <= kLastSignal && signals != 0; ++number, signals >>= 1) {
    // Refused for SIGKILL and SIGSTOP, which have no other disposition, and for glibc's own two.
    if ((signals & 1) != 0) ::sigaction(number, &action, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  require(::sigprocmask(SIG_SETMASK, &none, nullptr) == 0, Stage::kSignal);
}

bool is_executable_file(const char* path) noexcept {
  struct stat info = {};
  constexpr mode_t kAnyone = S_IXUSR | S_IXGRP | S_IXOTH;
  return ::stat(path, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & kAnyone) != 0;
}

// ETXTBSY: another thread's or program's child, forked while the file was being written, still
// holds it open for an instant. Returns only when it has failed, errno saying why.
void try_execute(const char* program, const ChildPlan& plan) noexcept {
  for (int tries = 0;; ++tries) {
    ::execve(program, plan.argv, plan.envp);
    if (errno != ETXTBSY || tries == kBusyRetries) return;
    ::nanosleep(&kBusyPause, nullptr);
  }
}

[[noreturn]] void execute(const ChildPlan& plan) noexcept {
  if (plan.candidates == nullptr) try_execute(plan.program, plan);
  for (char* const* candidate = plan.candidates; candidate != nullptr && *candidate != nullptr;
       ++candidate) {
    plan.argv[0] = *candidate;
    try_execute(*candidate, plan);
    const int code = errno;
    // Found, and yet not to be executed: a missing interpreter is ENOENT too.
    const bool found = is_executable_file(*candidate);
    errno = found ? code : ENOENT;
    if (found) break;
  }
  fail(Stage::kExec);
}

}  // namespace

void run_child(const ChildPlan& plan) noexcept {
  attach(plan);
  place_descriptors(plan);
  close_foreign(plan.close_range_refused);
  if (plan.open_files != nullptr) {
    require(::setrlimit(RLIMIT_NOFILE, plan.open_files) == 0, Stage::kRlimit);
  }
  if (plan.credentials.who != nullptr) become(plan.credentials);
  require(::setsid() >= 0, Stage::kSession);
  die_with(plan.parent);  // a change of ids or capabilities would have cleared it
  reset_signals(plan.reset_signals);
  if (plan.cd != nullptr) require(::chdir(plan.cd) == 0, Stage::kChdir);
  execute(plan);
}

}  // namespace contained::process
