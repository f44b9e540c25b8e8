#include "job/name_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/file.hpp"
#include "job/home.hpp"
#include "job/job.hpp"
#include "job/record.hpp"
#include "process/close_fds.hpp"

namespace contained::job {
namespace {

constexpr int kMostTries = 100;
constexpr int kFirst = 3;
constexpr int kBeyond = 10;

struct flock whole_file(short type) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool is_removed(int directory) {
  struct stat info = {};
  return ::fstat(directory, &info) == 0 && info.st_nlink == 0;
}

// Between our look and our lock the directory or its lock may have been removed and made anew.
bool is_still(int jobs, const std::string& name, int directory, int file) {
  struct stat by_name = {};
  struct stat open = {};
  struct stat lock = {};
  return ::fstatat(jobs, name.c_str(), &by_name, AT_SYMLINK_NOFOLLOW) == 0 &&
         ::fstat(directory, &open) == 0 && by_name.st_ino == open.st_ino &&
         by_name.st_dev == open.st_dev && open.st_nlink > 0 && ::fstat(file, &lock) == 0 &&
         lock.st_nlink > 0;
}

bool is_of_job(std::string_view file) {
  return is_draft(file, kJobFile) || is_draft(file, kResultFile) || file == kControlFile ||
         file == kJobFile || file == kResultFile || file == kLockFile;
}

// True when there was any.
bool unlink_ours(int directory) {
  bool any = false;
  for (const auto& file : names_in(directory, ".", is_of_job)) {
    any = ::unlinkat(directory, file.c_str(), 0) == 0 || any;
  }
  return any;
}

// Whoever looked up the directory before it was moved aside may still make a lock in it, once: he
// finds that it is not the name's any more, and leaves the file to us.
Status remove_ours(int jobs, const std::string& aside, int directory) {
  for (int i = 0; i < kMostTries; ++i) {
    const bool any = unlink_ours(directory);
    if (::unlinkat(jobs, aside.c_str(), AT_REMOVEDIR) == 0) return Done{};
    auto error = Error::last(Stage::kFile, aside);
    if (error.code == ENOENT) return Done{};  // remove_aside() was quicker
    if (error.code != ENOTEMPTY || !any) return error;
  }
  return Error{ENOTEMPTY, Stage::kFile, aside};
}

}  // namespace

Result<NameLock> NameLock::take(int jobs, const std::string& name) {
  for (int i = 0; i < kMostTries; ++i) {
    auto made = make_trusted(jobs, name, 0700);
    if (!made && made.error().code == ENOENT && !is_removed(jobs)) continue;
    if (!made) return made.error();
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd file(::openat(made->fd.get(), kLockFile, flags, 0600));
    if (!file && errno == ENOENT) continue;
    if (!file) return Error::last(Stage::kFile, name);
    auto lock = whole_file(F_WRLCK);
    if (::fcntl(file.get(), F_OFD_SETLK, &lock) < 0) {
      return Error{errno == EACCES ? EAGAIN : errno, Stage::kFile, name};
    }
    if (is_still(jobs, name, made->fd.get(), file.get()))
      return NameLock(std::move(made->fd), std::move(file));
  }
  return Error{EAGAIN, Stage::kFile, name};
}

// Out of the way first: from then on the name can be taken anew, and what is removed is ours.
Status NameLock::remove(const std::string& name) && {
  const auto jobs = open_at(directory(), "..", O_PATH | O_DIRECTORY);
  if (!jobs) return jobs.error();
  const auto aside = fmt::format("-{}.{}.{}", name, ::getpid(), directory());
  if (::renameat(jobs->get(), name.c_str(), jobs->get(), aside.c_str()) < 0) {
    return Error::last(Stage::kFile, name);
  }
  auto removed = remove_ours(jobs->get(), aside, directory());
  if (removed) return removed;
  // Back where it was, unless the name has been taken since.
  (void)::renameat2(jobs->get(), aside.c_str(), jobs->get(), name.c_str(), RENAME_NOREPLACE);
  return Error{removed.error().code, Stage::kFile, name};
}

void NameLock::close_all_but(UniqueFd& other) {
  const std::array<UniqueFd*, 3> kept = {&directory_, &file_, &other};
  // Out of the way of each other first.
  for (auto* fd : kept) fd->reset(::fcntl(fd->get(), F_DUPFD_CLOEXEC, kBeyond));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    kept[i]->reset(::dup3(kept[i]->get(), kFirst + static_cast<int>(i), O_CLOEXEC));
  }
  process::close_from(kFirst + static_cast<int>(kept.size()), false);
}

// No valid_name(), so that nobody takes it for a job's.
bool is_aside(std::string_view name) { return name.starts_with('-'); }

void remove_aside(int jobs, const std::string& name) {
  const auto directory = open_trusted(jobs, name);
  if (directory) (void)remove_ours(jobs, name, directory->get());
}

bool is_locked(int directory) {
  const auto file = open_at(directory, kLockFile, O_RDWR | O_NOFOLLOW);
  if (!file) return false;
  auto lock = whole_file(F_WRLCK);
  return ::fcntl(file->get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace contained::job
