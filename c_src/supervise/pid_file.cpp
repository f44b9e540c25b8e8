#include "supervise/pid_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

namespace contained::supervise {
namespace {

constexpr std::size_t kLongestPid = 32;
constexpr mode_t kPidFileMode = 0644;

// 0 of an empty file; none where something else stands in it.
std::optional<pid_t> pid_in(int fd) {
  std::array<char, kLongestPid> bytes = {};
  const auto count = ::pread(fd, bytes.data(), bytes.size(), 0);
  if (count < 0 || count == static_cast<ssize_t>(kLongestPid)) return {};
  std::string_view text(bytes.data(), static_cast<std::size_t>(count));
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty()) return 0;
  pid_t pid = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, pid);
  if (read.ec != std::errc{} || read.ptr != end || pid <= 0) return {};
  return pid;
}

bool is_at(int fd, const std::string& path) {
  struct stat ours = {};
  struct stat named = {};
  return ::fstat(fd, &ours) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

Status check_old(int fd, const std::string& path) {
  struct stat found = {};
  if (::fstat(fd, &found) < 0) return Error::last(Stage::kFile, path);
  if (!S_ISREG(found.st_mode)) return Error{ENOTSUP, Stage::kFile, path};
  if (found.st_uid != ::geteuid() || found.st_nlink > 1) return Error{EPERM, Stage::kFile, path};
  return Done{};
}

// Beside |path|, locked before anybody can see it under its name.
struct Fresh {
  UniqueFd file;
  std::string path;
};
Result<Fresh> make_fresh(const std::string& path, pid_t pid) {
  std::string name = path + ".XXXXXX";
  UniqueFd file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) return Error::last(Stage::kFile, path);
  Fresh fresh{std::move(file), name};
  const auto text = fmt::format("{}\n", pid);
  const int fd = fresh.file.get();
  const bool written = ::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fchmod(fd, kPidFileMode) == 0 &&
                       ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (written) return fresh;
  auto error = Error::last(Stage::kFile, path);
  ::unlink(name.c_str());
  return error;
}

// Where there was none; EEXIST when there is one by now.
Status put_new(const Fresh& fresh, const std::string& path) {
  const int linked = ::link(fresh.path.c_str(), path.c_str());
  auto status = linked < 0 ? Status(Error::last(Stage::kFile, path)) : Status(Done{});
  ::unlink(fresh.path.c_str());
  return status;
}

// |old| is locked, so that nobody else puts another there.
Status replace(const Fresh& fresh, const std::string& path) {
  if (::rename(fresh.path.c_str(), path.c_str()) == 0) return Done{};
  auto error = Error::last(Stage::kFile, path);
  ::unlink(fresh.path.c_str());
  return error;
}

// O_NONBLOCK: to open a FIFO would wait for its other end.
UniqueFd open_old(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
}

// EEXIST: the name has changed hands meanwhile, look again.
Status lock_old(int old, const std::string& path, pid_t& holder) {
  if (auto checked = check_old(old, path); !checked) return checked;
  const auto pid = pid_in(old);
  if (::flock(old, LOCK_EX | LOCK_NB) < 0) {
    holder = pid.value_or(0);
    return Error::last(Stage::kFile, path);
  }
  if (!is_at(old, path)) return Error{EEXIST, Stage::kFile, path};
  if (!pid) return Error{EPERM, Stage::kFile, path};
  return Done{};
}

}  // namespace

Result<PidFile> PidFile::take(const std::string& path, pid_t pid, pid_t& holder) {
  for (;;) {
    const auto old = open_old(path);
    if (!old && errno != ENOENT) return Error::last(Stage::kFile, path);
    auto locked = old ? lock_old(old.get(), path, holder) : Status(Done{});
    if (!locked && locked.error().code == EEXIST) continue;
    if (!locked) return locked.error();
    auto fresh = make_fresh(path, pid);
    if (!fresh) return fresh.error();
    auto put = old ? replace(*fresh, path) : put_new(*fresh, path);
    if (put) return PidFile(path, std::move(fresh->file));
    if (put.error().code != EEXIST) return put.error();
  }
}

void PidFile::remove() {
  if (file_ && is_at(file_.get(), path_)) ::unlink(path_.c_str());
  file_.reset();
}

}  // namespace contained::supervise
