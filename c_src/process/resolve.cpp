#include "process/resolve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/linux.hpp"

namespace contained::process {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kFileMode = 0644;

void close_keeping_errno(int fd) noexcept {
  const int code = errno;
  ::close(fd);
  errno = code;
}

// One after the other, and none of them a link.
int open_component(int directory, const char* name) noexcept {
  struct stat info = {};
  const int next = ::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (next < 0) return -1;
  if (::fstat(next, &info) == 0 && !S_ISLNK(info.st_mode)) return next;
  ::close(next);
  errno = ELOOP;
  return -1;
}

// The names of |path| in their order, each as a string of its own.
class Names {
 public:
  explicit Names(const char* path) noexcept : rest_(path) {}

  // False at the end, and with errno set for a name that is too long.
  bool next() noexcept {
    rest_ += std::strspn(rest_, "/");
    const auto length = std::strcspn(rest_, "/");
    errno = length >= name_.size() ? ENAMETOOLONG : 0;
    if (length == 0 || errno != 0) return false;
    std::copy_n(rest_, length, name_.data());
    name_[length] = '\0';
    rest_ += length;
    return true;
  }

  const char* name() const noexcept { return name_.data(); }
  const char* rest() const noexcept { return rest_; }
  bool last() const noexcept { return rest_[std::strspn(rest_, "/")] == '\0'; }

 private:
  const char* rest_;
  std::array<char, NAME_MAX + 1> name_ = {};
};

int walk(int root, const char* path) noexcept {
  int at = ::openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (Names names(path); at >= 0;) {
    if (!names.next()) {
      if (errno == 0) return at;
      close_keeping_errno(at);
      return -1;
    }
    if (std::strcmp(names.name(), "..") == 0) {
      ::close(at);
      errno = ELOOP;
      return -1;
    }
    const int next = open_component(at, names.name());
    close_keeping_errno(at);
    at = next;
  }
  return -1;
}

int make(int parent, const char* name, bool file, MayMake may) noexcept {
  struct stat info = {};
  if (::fstat(parent, &info) < 0) return -1;
  errno = ENOENT;
  if (!may.on(info.st_dev, may.context)) return -1;
  if (!file)
    return ::mkdirat(parent, name, kDirectoryMode) == 0 ? open_component(parent, name) : -1;
  const int made = ::openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, kFileMode);
  if (made < 0) return -1;
  ::close(made);
  return open_component(parent, name);
}

// |prefix| grows by a name of |path| each time; what is there already is followed as ever.
int make_along(int root, const char* path, bool file, MayMake may, char* prefix) noexcept {
  int parent = resolve_in(root, "/", O_PATH);
  for (Names names(path); parent >= 0 && names.next();) {
    const auto length = static_cast<std::size_t>(names.rest() - path);
    std::copy_n(path, length, prefix);
    prefix[length] = '\0';
    int next = resolve_in(root, prefix, O_PATH);
    if (next < 0 && errno == ENOENT) next = make(parent, names.name(), file && names.last(), may);
    close_keeping_errno(parent);
    parent = next;
  }
  return parent;
}

}  // namespace

int resolve_in(int root, const char* path, int flags) noexcept {
  // EAGAIN: somebody renames directories meanwhile, openat2(2).
  constexpr int kMostTries = 64;
  OpenHow how;
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int tries = 0; tries < kMostTries; ++tries) {
    const auto fd = ::syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno == ENOSYS || errno == EPERM) return walk(root, path);
    if (errno != EAGAIN) return -1;
  }
  return -1;
}

int resolve_or_make(int root, const char* path, bool file, MayMake may) noexcept {
  const int found = resolve_in(root, path, O_PATH);
  if (found >= 0 || errno != ENOENT) return found;
  std::array<char, PATH_MAX> prefix;
  errno = ENAMETOOLONG;
  if (std::strlen(path) >= prefix.size()) return -1;
  return make_along(root, path, file, may, prefix.data());
}

}  // namespace contained::process
