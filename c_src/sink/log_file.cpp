#include "sink/log_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "base/linux.hpp"

namespace contained::sink {
namespace {

// O_NONBLOCK is for what is no regular file after all.
constexpr int kFlags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool only_root_writes(const struct stat& directory) {
  return directory.st_uid == 0 && (directory.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// 0, or why it is refused.
int objection(const struct stat& file, int directory) {
  if (S_ISLNK(file.st_mode)) return ELOOP;
  if (S_ISDIR(file.st_mode)) return EISDIR;
  if (!S_ISREG(file.st_mode)) return ENOTSUP;
  if (file.st_nlink > 1) return EMLINK;
  if (file.st_uid == ::geteuid() || file.st_uid == 0) return 0;
  struct stat parent = {};
  if (::fstat(directory, &parent) < 0) return errno;
  return only_root_writes(parent) ? 0 : EPERM;
}

bool ends_with_line(int fd, off_t size) {
  char last = '\n';
  return size == 0 || ::pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

}  // namespace

LogFile::LogFile(std::string path, mode_t mode)
    : path_(std::move(path)), name_(path_.substr(path_.rfind('/') + 1)), mode_(mode) {}

Status LogFile::open() {
  UniqueFd directory(::open(directory_of(path_).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return Error::last(Stage::kFile, path_);
  auto file = open_in(directory.get());
  if (!file) return file.error();
  struct stat found = {};
  if (::fstat(file->get(), &found) < 0) return Error::last(Stage::kFile, path_);
  // Looked at again: it may have been exchanged meanwhile.
  if (const int code = objection(found, directory.get())) return Error{code, Stage::kFile, path_};
  adopt(std::move(directory), std::move(*file), found);
  return Done{};
}

// The kind comes first: opening a device may have effects.
Result<UniqueFd> LogFile::open_in(int directory) const {
  struct stat found = {};
  const bool there = ::fstatat(directory, name_.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
  if (!there && errno != ENOENT) return Error::last(Stage::kFile, path_);
  const int code = there ? objection(found, directory) : 0;
  if (code != 0) return Error{code, Stage::kFile, path_};
  const int flags = there ? kFlags : kFlags | O_CREAT | O_EXCL;
  UniqueFd file(::openat(directory, name_.c_str(), flags, mode_));
  if (!file) return Error::last(Stage::kFile, path_);
  if (!there && ::fchmod(file.get(), mode_) < 0) return Error::last(Stage::kFile, path_);
  return file;
}

void LogFile::adopt(UniqueFd directory, UniqueFd file, const struct stat& found) {
  directory_ = std::move(directory);
  file_ = std::move(file);
  device_ = found.st_dev;
  inode_ = found.st_ino;
  size_ = static_cast<std::uint64_t>(found.st_size);
  modified_ = found.st_mtime;
  at_line_start_ = ends_with_line(file_.get(), found.st_size);
}

// One system call for a file that is where it was.
Status LogFile::follow() {
  struct stat found = {};
  const int looked = ::fstatat(directory_.get(), name_.c_str(), &found, AT_SYMLINK_NOFOLLOW);
  if (looked < 0 || found.st_ino != inode_ || found.st_dev != device_) return open();
  // Others may append to it, or cut it.
  size_ = static_cast<std::uint64_t>(found.st_size);
  return Done{};
}

Result<std::size_t> LogFile::write(std::string_view text) {
  ssize_t written = 0;
  do {
    written = ::write(file_.get(), text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  if (written < 0) return Error::last(Stage::kFile, path_);
  if (written == 0) return Error{EIO, Stage::kFile, path_};
  const auto count = static_cast<std::size_t>(written);
  size_ += count;
  at_line_start_ = text[count - 1] == '\n';
  return count;
}

Status LogFile::sync() {
  if (::fdatasync(file_.get()) < 0) return Error::last(Stage::kFile, path_);
  return Done{};
}

bool LogFile::lost() const {
  struct stat found = {};
  return !file_ || ::fstat(file_.get(), &found) < 0 || found.st_nlink == 0;
}

}  // namespace contained::sink
