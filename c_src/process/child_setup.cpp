#include "process/child_setup.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "process/close_fds.hpp"
#include "process/status_word.hpp"

namespace contained::process {
namespace {

// Where the child keeps its descriptors: 0 to 2 for the program, then the status pipe, then what is
// to become its further ones.
constexpr int kFirstExtra = kStatusFd + 1;

constexpr int kBusyRetries = 3;
constexpr timespec kBusyPause = {0, 10'000'000};

// Then the pipe of its id maps, and the control socket of an init.
constexpr std::size_t kMostSlots = kFirstExtra + kMostExtras + 2;
using Sources = std::array<int, kMostSlots>;

struct Slots {
  int used = 0;
  int go = -1;
  int control = -1;
};

// A source that stands in another one's slot would be overwritten: out of the way with it.
int moved_out_of_the_slots(int source, int slot, int slots, int status_fd) noexcept {
  if (source >= slots || source == slot) return source;
  const int moved = ::fcntl(source, F_DUPFD_CLOEXEC, slots);
  if (moved < 0) fail(Stage::kStdio, kNoDetail, status_fd);
  return moved;
}

void put(int source, int slot) noexcept {
  const bool ours = slot > STDERR_FILENO;
  const int done = source == slot ? ::fcntl(slot, F_SETFD, ours ? FD_CLOEXEC : 0)
                                  : ::dup3(source, slot, ours ? O_CLOEXEC : 0);
  if (done < 0) fail(Stage::kStdio, kNoDetail, slot == kStatusFd ? source : kStatusFd);
}

int add_source(Sources& sources, int& slots, int source) noexcept {
  if (source < 0) return -1;
  sources[static_cast<std::size_t>(slots)] = source;
  return slots++;
}

// The status pipe goes first, so that it can tell of all that follows.
Slots place_descriptors(const ChildPlan& plan) noexcept {
  int slots = kFirstExtra;
  Sources sources = {plan.stdio[0], plan.stdio[1], plan.stdio[2], plan.status_fd};
  for (std::size_t i = 0; i < plan.extra_count; ++i) {
    add_source(sources, slots, plan.extras[i].second);
  }
  const int go = add_source(sources, slots, plan.maps.go_read);
  const int control = add_source(sources, slots, plan.control_fd);
  for (int slot = 0; slot < slots; ++slot) {
    auto& source = sources[static_cast<std::size_t>(slot)];
    source = moved_out_of_the_slots(source, slot, slots, plan.status_fd);
  }
  put(sources[kStatusFd], kStatusFd);
  for (int slot = 0; slot < slots; ++slot) {
    if (slot != kStatusFd) put(sources[static_cast<std::size_t>(slot)], slot);
  }
  return {slots, go, control};
}

// The last step before the exec: the program's further descriptors take the place of ours. Returns
// where the status pipe is from then on.
int place_extras(const ChildPlan& plan) noexcept {
  if (plan.extra_count == 0) return kStatusFd;
  const int count = static_cast<int>(plan.extra_count);
  int above = kFirstExtra + count;
  for (int i = 0; i < count; ++i) above = std::max(above, plan.extras[i].first + 1);
  const int status_fd = ::fcntl(kStatusFd, F_DUPFD_CLOEXEC, above);
  if (status_fd < 0) fail(Stage::kStdio);
  for (int i = 0; i < count; ++i) {
    if (::fcntl(kFirstExtra + i, F_DUPFD_CLOEXEC, above + 1 + i) != above + 1 + i) {
      fail(Stage::kStdio, kNoDetail, status_fd);
    }
  }
  for (int i = 0; i < count; ++i) {
    if (::dup2(above + 1 + i, plan.extras[i].first) < 0) fail(Stage::kStdio, kNoDetail, status_fd);
  }
  return status_fd;
}

// Closed now and not by the exec: a child stuck before its exec (a dead file server) would hold the
// ends of everybody's pipes meanwhile.
void close_foreign(int first, bool close_range_refused) noexcept {
  require(close_from(first, close_range_refused), Stage::kStdio);
}

// The signal is sent when the parent's thread ends, so a parent that is gone already never sends
// it. From within another pid namespace it cannot be seen, but by its end of the status pipe.
void die_with(pid_t parent, bool hidden) noexcept {
  require(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, Stage::kSignal);
  pollfd pipe = {kStatusFd, 0, 0};
  const bool gone = hidden ? ::poll(&pipe, 1, 0) == 1 : ::getppid() != parent;
  if (gone) ::_exit(kSetupFailed);
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

// Some programs open it again by its name. In a user namespace it may belong to nobody there.
void give_terminal(const ChildPlan& plan) noexcept {
  const auto* const who = plan.credentials.who;
  if (plan.terminal < 0 || who == nullptr || !who->uid) return;
  (void)!::fchown(plan.terminal, *who->uid, static_cast<gid_t>(-1));
}

// What a terminal sends by its keys, and the end of it, reaches the session that has it.
void take_terminal(int number) noexcept {
  if (number >= 0) require(::ioctl(number, TIOCSCTTY, 0) == 0, Stage::kSession);
}

void change_directory(const char* path) noexcept {
  if (path != nullptr) require(::chdir(path) == 0, Stage::kChdir);
}

// The program's directory among the mounts as they are now: what stands above its old one may hide
// it on purpose.
void enter_namespaces(const ChildPlan& plan) noexcept {
  std::array<char, PATH_MAX> directory = {};
  const auto& mounts = plan.namespaces->mounts;
  const bool moves = (plan.namespaces->enter & kNewMount) != 0;
  const bool stays = moves && plan.inherit_cd && mounts.root == nullptr;
  if (stays) require(::syscall(SYS_getcwd, directory.data(), directory.size()) > 0, Stage::kChdir);
  enter(*plan.namespaces);
  if (stays) change_directory(directory.data());
}

bool is_executable_file(const char* path) noexcept {
  struct stat info = {};
  constexpr mode_t kAnyone = S_IXUSR | S_IXGRP | S_IXOTH;
  return ::stat(path, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & kAnyone) != 0;
}

// ETXTBSY: another thread's or program's child, forked while the file was being written, still
// holds it open for an instant. Returns only when it has failed, errno saying why.
void try_execute(const char* program, const ChildPlan& plan) noexcept {
  const auto* const last_word = plan.seal != nullptr ? plan.seal->last_word.get() : nullptr;
  for (int tries = 0;; ++tries) {
    if (last_word != nullptr) last_word->say(0);
    ::execve(program, plan.argv, plan.envp);
    if (last_word != nullptr) last_word->say(errno);
    if (errno != ETXTBSY || tries == kBusyRetries) return;
    ::nanosleep(&kBusyPause, nullptr);
  }
}

void rename(const ChildPlan& plan, char* found) noexcept {
  if (!plan.keep_arg0) plan.argv[0] = found;
}

// Under a filter perhaps nothing but the exec is allowed: the program is looked for before.
const char* program_of(const ChildPlan& plan, int status_fd) noexcept {
  if (plan.candidates == nullptr) return plan.program;
  for (char* const* candidate = plan.candidates; *candidate != nullptr; ++candidate) {
    if (!is_executable_file(*candidate)) continue;
    rename(plan, *candidate);
    return *candidate;
  }
  errno = ENOENT;
  fail(Stage::kExec, kNoDetail, status_fd);
}

[[noreturn]] void execute_under(const SeccompFilter& filter, const ChildPlan& plan,
                                int status_fd) noexcept {
  const char* const program = program_of(plan, status_fd);
  if (!install(filter)) fail(Stage::kSeccomp, kNoDetail, status_fd);
  try_execute(program, plan);
  fail(Stage::kExec, kNoDetail, status_fd);
}

// Neither is to give the program a way to more than it had, so the kernel asks for no_new_privs of
// all but the mighty. Here it is asked of all: set-user-ID programs do not expect to be refused.
void seal_files(const Seal& seal) noexcept {
  require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, Stage::kNoNewPrivs);
  if (!seal.paths.empty()) restrict_paths(seal.paths.data(), seal.paths.size());
}

[[noreturn]] void execute(const ChildPlan& plan) noexcept {
  if (plan.seal != nullptr) seal_files(*plan.seal);
  const int status_fd = place_extras(plan);
  if (plan.seal != nullptr && plan.seal->filter) execute_under(*plan.seal->filter, plan, status_fd);
  if (plan.candidates == nullptr) try_execute(plan.program, plan);
  for (char* const* candidate = plan.candidates; candidate != nullptr && *candidate != nullptr;
       ++candidate) {
    rename(plan, *candidate);
    try_execute(*candidate, plan);
    const int code = errno;
    // Found, and yet not to be executed: a missing interpreter is ENOENT too.
    const bool found = is_executable_file(*candidate);
    errno = found ? code : ENOENT;
    if (found) break;
  }
  fail(Stage::kExec, kNoDetail, status_fd);
}

}  // namespace

void leave_session(const ChildPlan& plan) noexcept {
  if (plan.new_session) require(::setsid() >= 0, Stage::kSession);
}

// Before anything else: what the child does from here on is charged to its groups.
void attach(const ChildPlan& plan) noexcept {
  for (std::size_t i = 0; i < plan.attach_count; ++i) {
    if (::write(plan.attach_fds[i], "0", 1) != 1) fail(Stage::kCgroup, kNoDetail, plan.status_fd);
  }
}

int isolate_child(const ChildPlan& plan) noexcept {
  attach(plan);
  const auto slots = place_descriptors(plan);
  close_foreign(slots.used, plan.close_range_refused);
  if (slots.go >= 0) await_maps(slots.go);
  const bool elsewhere = plan.namespaces != nullptr && plan.namespaces->mounts.root != nullptr;
  if (plan.inherit_cd && !elsewhere) change_directory(plan.cd);
  if (plan.namespaces != nullptr) {
    // What is mounted may keep us waiting, on a dead file server.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    enter_namespaces(plan);
  }
  return slots.control;
}

void become_program(const ChildPlan& plan) noexcept {
  if (plan.open_files != nullptr) {
    require(::setrlimit(RLIMIT_NOFILE, plan.open_files) == 0, Stage::kRlimit);
  }
  give_terminal(plan);
  if (plan.credentials.who != nullptr) become(plan.credentials);
  leave_session(plan);
  take_terminal(plan.terminal);
  // A change of ids or capabilities would have cleared it.
  die_with(plan.parent, (plan.clone_flags & kNewPid) != 0);
  reset_signals(plan.reset_signals);
  if (!plan.inherit_cd) change_directory(plan.cd);
  execute(plan);
}

void run_child(const ChildPlan& plan) noexcept {
  isolate_child(plan);
  become_program(plan);
}

}  // namespace contained::process
