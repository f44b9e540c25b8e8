#include "base/file.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/linux.hpp"

namespace contained {
namespace {

bool is_refused(int code) { return code == ENOSYS || code == EPERM || code == EINVAL; }

// The fallback of open_beneath: one component at a time, none of them a symbolic link.
Result<UniqueFd> open_by_component(int dirfd, const std::string& path, int flags, Stage stage) {
  UniqueFd held;
  int at = dirfd;
  std::size_t begin = 0;
  for (;;) {
    const auto slash = path.find('/', begin);
    const bool last = slash == std::string::npos;
    const auto part = path.substr(begin, last ? slash : slash - begin);
    if (part.empty() || part == "..") return Error{EXDEV, stage, path};
    const int how = last ? flags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW;
    auto next = open_at(at, part, how, stage);
    if (!next || last) return next;
    held = std::move(*next);
    at = held.get();
    begin = slash + 1;
  }
}

}  // namespace

Result<UniqueFd> open_at(int dirfd, const std::string& path, int flags, Stage stage) {
  const int fd = ::openat(dirfd, path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return Error::last(stage, path);
  return UniqueFd(fd);
}

Result<UniqueFd> open_beneath(int dirfd, const std::string& path, int flags, Stage stage) {
  OpenHow how;
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const auto fd = ::syscall(SYS_openat2, dirfd, path.c_str(), &how, sizeof how);
  if (fd >= 0) return UniqueFd(static_cast<int>(fd));
  auto error = Error::last(stage, path);
  if (is_refused(error.code)) return open_by_component(dirfd, path, flags, stage);
  return error;
}

Result<std::string> read_all(int fd, std::size_t limit) {
  std::string content;
  std::array<char, 4096> chunk;
  for (;;) {
    const auto n = ::read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::last(Stage::kFile);
    if (n == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(n));
    if (content.size() > limit) return Error{EFBIG, Stage::kFile, {}};
  }
}

Result<std::string> read_file_at(int dirfd, const std::string& path, std::size_t limit) {
  auto fd = open_at(dirfd, path, O_RDONLY);
  if (!fd) return fd.error();
  auto content = read_all(fd->get(), limit);
  if (!content) content.error().subject = path;
  return content;
}

Result<std::string> read_brief_at(int dirfd, const std::string& path) {
  auto fd = open_at(dirfd, path, O_RDONLY);
  if (!fd) return fd.error();
  std::array<char, 4096> page;
  const auto n = ::read(fd->get(), page.data(), page.size());
  if (n < 0) return Error::last(Stage::kFile, path);
  return std::string(page.data(), static_cast<std::size_t>(n));
}

Status write_file_at(int dirfd, const std::string& path, std::string_view value) {
  auto fd = open_at(dirfd, path, O_WRONLY);
  if (!fd) return fd.error();
  const auto n = ::write(fd->get(), value.data(), value.size());
  if (n < 0) return Error::last(Stage::kFile, path);
  if (static_cast<std::size_t>(n) != value.size()) return Error{EIO, Stage::kFile, path};
  return Done{};
}

Status set_nonblocking(int fd) {
  int on = 1;  // One call where fcntl(2) takes two.
  if (::ioctl(fd, FIONBIO, &on) < 0) return Error::last(Stage::kFile);
  return Done{};
}

Result<PipeEnds> make_pipe(Stage stage) {
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) return Error::last(stage);
  return PipeEnds{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace contained
