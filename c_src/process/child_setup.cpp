#include "process/child_setup.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "base/linux.hpp"

namespace contained::process {
namespace {

// Where the child keeps its descriptors: 0 to 2 for the program, then two of ours.
constexpr int kStatusFd = 3;
constexpr int kProcsFd = 4;
constexpr int kSlots = 5;

constexpr int kExecFailed = 127;
constexpr int kBusyRetries = 3;
constexpr timespec kBusyPause = {0, 10'000'000};

[[noreturn]] void fail(int status_fd, Stage stage) noexcept {
  const auto word = encode_status(stage, errno);
  [[maybe_unused]] const auto written = ::write(status_fd, word.data(), word.size());
  ::_exit(kExecFailed);
}

void require(bool good, Stage stage) noexcept {
  if (!good) fail(kStatusFd, stage);
}

using Sources = std::array<int, kSlots>;

// A source that stands in another one's slot would be overwritten: out of the way with it.
int moved_out_of_the_slots(int source, std::size_t slot, int status_fd) noexcept {
  if (source >= kSlots || source == static_cast<int>(slot)) return source;
  const int moved = ::fcntl(source, F_DUPFD_CLOEXEC, kSlots);
  if (moved < 0) fail(status_fd, Stage::kStdio);
  return moved;
}

void put(int source, int slot) noexcept {
  const bool ours = slot > STDERR_FILENO;
  const int done = source == slot ? ::fcntl(slot, F_SETFD, ours ? FD_CLOEXEC : 0)
                                  : ::dup3(source, slot, ours ? O_CLOEXEC : 0);
  if (done < 0) fail(slot == kStatusFd ? source : kStatusFd, Stage::kStdio);
}

// The status pipe goes first, so that it can tell of all that follows.
void place_descriptors(const ChildPlan& plan) noexcept {
  const bool attach = plan.procs_fd >= 0;
  Sources sources = {plan.stdio[0], plan.stdio[1], plan.stdio[2], plan.status_fd, plan.procs_fd};
  const std::size_t count = attach ? kSlots : kSlots - 1;
  for (std::size_t slot = 0; slot < count; ++slot) {
    sources[slot] = moved_out_of_the_slots(sources[slot], slot, plan.status_fd);
  }
  put(sources[kStatusFd], kStatusFd);
  for (int slot = 0; slot <= STDERR_FILENO; ++slot) {
    put(sources[static_cast<std::size_t>(slot)], slot);
  }
  if (attach) put(sources[kProcsFd], kProcsFd);
}

// The number in a name of /proc/self/fd; -1 for "." and "..".
int descriptor_named(const char* name) noexcept {
  int number = 0;
  for (; *name != '\0'; ++name) {
    if (*name < '0' || *name > '9') return -1;
    number = number * 10 + (*name - '0');
  }
  return number;
}

// struct linux_dirent64 of getdents64(2), which the C libraries do not agree to show.
constexpr long kRecordLength = 16;
constexpr long kRecordName = 19;

void close_listed(const char* entries, long length, int first, int directory) noexcept {
  for (long at = 0; at < length;) {
    unsigned short record = 0;
    std::memcpy(&record, entries + at + kRecordLength, sizeof record);
    const int fd = descriptor_named(entries + at + kRecordName);
    if (fd >= first && fd != directory) ::close(fd);
    at += record;
  }
}

// procfs goes on after the last number it gave, so closing during the listing skips none.
bool close_by_listing(int first) noexcept {
  ::close(first);  // makes room for the directory where the table is full
  const int directory = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  char entries[4096];
  long length = 0;
  while ((length = ::syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0) {
    close_listed(entries, length, first, directory);
  }
  ::close(directory);
  return length == 0;
}

void close_one_by_one(int first) noexcept {
  rlimit limit = {};
  require(::getrlimit(RLIMIT_NOFILE, &limit) == 0, Stage::kStdio);
  const auto end = limit.rlim_cur < INT_MAX ? static_cast<int>(limit.rlim_cur) : INT_MAX;
  for (int fd = first; fd < end; ++fd) ::close(fd);
}

// Closed now and not by the exec: a child stuck before its exec (a dead file server) would hold the
// ends of everybody's pipes meanwhile.
void close_foreign(int first, bool close_range_refused) noexcept {
  if (!close_range_refused && ::syscall(SYS_close_range, first, UINT_MAX, 0) == 0) return;
  if (!close_by_listing(first)) close_one_by_one(first);
}

void attach(int procs_fd) noexcept {
  if (procs_fd < 0) return;
  require(::write(kProcsFd, "0", 1) == 1, Stage::kCgroup);
  ::close(kProcsFd);
}

// The signal is sent when the parent's thread ends, so a parent that is gone already never sends
// it.
void die_with(pid_t parent) noexcept {
  require(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, Stage::kSignal);
  if (::getppid() != parent) ::_exit(kExecFailed);
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
  fail(kStatusFd, Stage::kExec);
}

}  // namespace

void run_child(const ChildPlan& plan) noexcept {
  place_descriptors(plan);
  close_foreign(plan.procs_fd >= 0 ? kSlots : kProcsFd, plan.close_range_refused);
  attach(plan.procs_fd);
  if (plan.open_files != nullptr) {
    require(::setrlimit(RLIMIT_NOFILE, plan.open_files) == 0, Stage::kRlimit);
  }
  require(::setsid() >= 0, Stage::kSession);
  die_with(plan.parent);
  reset_signals(plan.reset_signals);
  if (plan.cd != nullptr) require(::chdir(plan.cd) == 0, Stage::kChdir);
  execute(plan);
}

StatusWord encode_status(Stage stage, int code) noexcept {
  StatusWord word;
  const auto errno_value = static_cast<std::int32_t>(code);
  word[0] = static_cast<char>(stage);
  std::memcpy(word.data() + 1, &errno_value, sizeof errno_value);
  return word;
}

Error decode_status(const StatusWord& word) {
  std::int32_t code = 0;
  std::memcpy(&code, word.data() + 1, sizeof code);
  return Error{code, static_cast<Stage>(word[0]), {}};
}

}  // namespace contained::process
