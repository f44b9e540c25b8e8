#include "port/lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace contained::port {
namespace {

constexpr std::size_t kMost = 32;

void tell(const std::string& line) {
  // A pipe that nobody reads any more is no reason to give the lock back.
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, line.data(), line.size());
}

void ignore_signals() {
  for (const int number : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGPIPE, SIGALRM, SIGUSR1}) {
    ::signal(number, SIG_IGN);
  }
}

volatile sig_atomic_t locked = -1;

void give_back(int) {
  [[maybe_unused]] const int cut = ::ftruncate(locked, 0);
  ::_exit(0);
}

// The number in a file, 0 of an empty one, none where there is something else.
std::optional<pid_t> read_pid(int fd) {
  std::array<char, kMost> bytes = {};
  const auto count = ::pread(fd, bytes.data(), bytes.size(), 0);
  if (count < 0 || count == static_cast<ssize_t>(kMost)) return {};
  if (count == 0) return 0;
  std::string_view text(bytes.data(), static_cast<std::size_t>(count));
  if (text.back() == '\n') text.remove_suffix(1);
  pid_t pid = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, pid);
  if (read.ec != std::errc{} || read.ptr != end || pid <= 0) return {};
  return pid;
}

int check(int fd) {
  struct stat found = {};
  if (::fstat(fd, &found) < 0) return errno;
  if (!S_ISREG(found.st_mode)) return ENOTSUP;
  if (found.st_uid != ::geteuid() || found.st_nlink > 1) return EPERM;
  return 0;
}

// Whether the name still is that of the file: who held it before may have removed it.
bool same(int fd, const std::string& path) {
  struct stat ours = {};
  struct stat named = {};
  return ::fstat(fd, &ours) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

// O_NONBLOCK: to open a FIFO would wait for its other end.
UniqueFd open_file(const std::string& path) {
  return UniqueFd(::open(path.c_str(),
                         O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0644));
}

int fail(int code) {
  tell(fmt::format("failed {}\n", errno_name(code)));
  return 1;
}

void put(int fd, std::string_view line) {
  if (line.empty()) {
    [[maybe_unused]] const int cut = ::ftruncate(fd, 0);
    return;
  }
  const auto text = fmt::format("{}\n", line);
  if (::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) {
    [[maybe_unused]] const int cut = ::ftruncate(fd, static_cast<off_t>(text.size()));
  }
}

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

[[noreturn]] void hold(int fd) {
  locked = fd;
  ::signal(SIGUSR2, give_back);
  std::string input;
  std::array<char, kMost> chunk = {};
  for (;;) {
    const auto count = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) wait_for_ever();
    input.append(chunk.data(), static_cast<std::size_t>(count));
    for (auto end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
      put(fd, std::string_view(input).substr(0, end));
      input.erase(0, end + 1);
    }
  }
}

}  // namespace

int hold_lock(const std::string& path) {
  ignore_signals();
  for (;;) {
    const auto file = open_file(path);
    if (!file) return fail(errno);
    if (const int code = check(file.get())) return fail(code);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) < 0) {
      if (errno != EWOULDBLOCK) return fail(errno);
      tell(fmt::format("taken {}\n", read_pid(file.get()).value_or(0)));
      return 1;
    }
    if (!same(file.get(), path)) continue;
    // Not before: who holds it may be writing.
    if (!read_pid(file.get())) return fail(EPERM);
    put(file.get(), "");
    tell("held\n");
    hold(file.get());
  }
}

}  // namespace contained::port
