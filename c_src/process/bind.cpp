#include "process/bind.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <string_view>

#include "base/linux.hpp"
#include "process/resolve.hpp"

namespace contained::process {
namespace {

// "/proc/self/fd/7"
struct FdPath {
  explicit FdPath(int fd) noexcept {
    constexpr std::string_view kFront = "/proc/self/fd/";
    std::copy(kFront.begin(), kFront.end(), text.begin());
    std::to_chars(text.data() + kFront.size(), text.data() + text.size() - 1, fd);
  }
  std::array<char, 32> text = {};
};

bool set_read_only(int fd, bool recursive) noexcept {
  MountAttr attr;
  attr.attr_set = kMountAttrReadOnly;
  const unsigned flags = AT_EMPTY_PATH | (recursive ? kAtRecursive : 0);
  return ::syscall(SYS_mount_setattr, fd, "", flags, &attr, sizeof attr) == 0;
}

// ---- mount(2): each mount of a tree is a remount of its own, found in /proc/self/mountinfo.

unsigned long flags_of(const char* path) noexcept {
  struct Pair {
    unsigned long seen;
    unsigned long kept;
  };
  static constexpr Pair kPairs[] = {{ST_NOSUID, MS_NOSUID},     {ST_NODEV, MS_NODEV},
                                    {ST_NOEXEC, MS_NOEXEC},     {ST_NOATIME, MS_NOATIME},
                                    {ST_RELATIME, MS_RELATIME}, {ST_NODIRATIME, MS_NODIRATIME}};
  struct statvfs now = {};
  if (::statvfs(path, &now) < 0) return 0;
  unsigned long flags = 0;
  for (const auto& pair : kPairs) {
    if ((now.f_flag & pair.seen) != 0) flags |= pair.kept;
  }
  return flags;
}

// What another mount hides cannot be reached, by nobody.
bool remount(const char* path) noexcept {
  constexpr unsigned long kReadOnly = MS_REMOUNT | MS_BIND | MS_RDONLY;
  if (::mount(nullptr, path, nullptr, kReadOnly | flags_of(path), nullptr) == 0) return true;
  return errno == ENOENT || errno == ENOTDIR || errno == EINVAL;
}

// Spaces and the like stand as \040, proc_pid_mountinfo(5).
char* unescape(std::string_view field, char* out) noexcept {
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size()) {
      int code = 0;
      std::from_chars(field.data() + i + 1, field.data() + i + 4, code, 8);
      *out++ = static_cast<char>(code);
      i += 3;
    } else {
      *out++ = field[i];
    }
  }
  *out = '\0';
  return out;
}

// The mount point is the fifth field.
std::string_view mount_point_in(std::string_view line) noexcept {
  for (int field = 0; field < 4; ++field)
    line.remove_prefix(std::min(line.find(' '), line.size() - 1) + 1);
  return line.substr(0, line.find(' '));
}

bool is_below(std::string_view path, std::string_view top) noexcept {
  if (top == "/") return true;
  return path.starts_with(top) && path.size() > top.size() && path[top.size()] == '/';
}

// Lines of a file, by a buffer that holds the longest that there is.
class Lines {
 public:
  explicit Lines(int fd) noexcept : fd_(fd) {}

  // Empty at the end.
  std::string_view next() noexcept {
    for (;;) {
      const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
      const auto length = rest.find('\n');
      if (length != std::string_view::npos) {
        begin_ += length + 1;
        return rest.substr(0, length);
      }
      if (!fill()) return {};
    }
  }

 private:
  bool fill() noexcept {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    const auto count = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (count <= 0) return false;
    end_ += static_cast<std::size_t>(count);
    return true;
  }

  int fd_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::array<char, 4 * PATH_MAX> buffer_;
};

bool remount_below(std::string_view top) noexcept {
  const int file = ::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  Lines lines(file);
  std::array<char, 4 * PATH_MAX> path;
  bool good = true;
  for (auto line = lines.next(); good && !line.empty(); line = lines.next()) {
    const char* const end = unescape(mount_point_in(line), path.data());
    const std::string_view point(path.data(), static_cast<std::size_t>(end - path.data()));
    if (point != top && is_below(point, top)) good = remount(path.data());
  }
  const int code = errno;
  ::close(file);
  errno = code;
  return good;
}

bool remount_tree(int fd, bool recursive) noexcept {
  std::array<char, PATH_MAX> path;
  const FdPath link(fd);
  const auto length = ::readlink(link.text.data(), path.data(), path.size() - 1);
  if (length < 0) return false;
  path[static_cast<std::size_t>(length)] = '\0';
  constexpr unsigned long kReadOnly = MS_REMOUNT | MS_BIND | MS_RDONLY;
  // By the descriptor: it is this mount, whatever its path leads to by now.
  const auto flags = kReadOnly | flags_of(link.text.data());
  if (::mount(nullptr, link.text.data(), nullptr, flags, nullptr) < 0) return false;
  return !recursive || remount_below({path.data(), static_cast<std::size_t>(length)});
}

bool same_file(int one, int other) noexcept {
  struct stat first = {};
  struct stat second = {};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Looked for again by its path, so what is found has to be it.
bool close_for_writing(int root, const MountStep& step) noexcept {
  const int top = resolve_in(root, step.target, O_PATH);
  if (top < 0) return false;
  errno = ESTALE;
  const bool good = same_file(top, step.source_fd) && make_read_only(top, true, true);
  const int code = errno;
  ::close(top);
  errno = code;
  return good;
}

// A read-only root has made it so, too, where it is a part of that.
bool open_for_writing(int root, const MountStep& step) noexcept {
  const int top = resolve_in(root, step.target, O_PATH);
  if (top < 0) return false;
  const FdPath link(top);
  const auto flags = MS_REMOUNT | MS_BIND | flags_of(link.text.data());
  const bool good = ::mount(nullptr, link.text.data(), nullptr, flags, nullptr) == 0;
  const int code = errno;
  ::close(top);
  errno = code;
  return good;
}

bool bind_by_mount(int root, int target, const MountStep& step) noexcept {
  const FdPath from(step.source_fd);
  const FdPath upon(target);
  constexpr unsigned long kFlags = MS_BIND | MS_REC;
  if (::mount(from.text.data(), upon.text.data(), nullptr, kFlags, nullptr) < 0) return false;
  if (step.read_only) return close_for_writing(root, step);
  return !step.writable || open_for_writing(root, step);
}

bool refuses(long result) noexcept { return result < 0 && (errno == ENOSYS || errno == EPERM); }

}  // namespace

// Harmless as they stand: no descriptor has that number.
bool mount_calls_are_refused() noexcept {
  return refuses(::syscall(SYS_open_tree, -1, "", 0)) ||
         refuses(::syscall(SYS_move_mount, -1, "", -1, "", 0)) ||
         refuses(::syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0));
}

int open_source(MountStep& step, bool old_calls) noexcept {
  constexpr unsigned kTree = kOpenTreeClone | kOpenTreeCloexec | kAtRecursive;
  if (!old_calls) return static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, step.source, kTree));
  const int fd = ::open(step.source, O_PATH | O_CLOEXEC);
  struct statvfs now = {};
  step.writable = fd >= 0 && ::fstatvfs(fd, &now) == 0 && (now.f_flag & ST_RDONLY) == 0;
  return fd;
}

bool bind_mount(int root, int target, const MountStep& step, bool old_calls) noexcept {
  if (old_calls) return bind_by_mount(root, target, step);
  constexpr unsigned kMove = kMoveMountFromEmptyPath | kMoveMountToEmptyPath;
  if (step.read_only && !set_read_only(step.source_fd, true)) return false;
  return ::syscall(SYS_move_mount, step.source_fd, "", target, "", kMove) == 0;
}

bool make_read_only(int fd, bool recursive, bool old_calls) noexcept {
  return old_calls ? remount_tree(fd, recursive) : set_read_only(fd, recursive);
}

}  // namespace contained::process
