#include "process/close_fds.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include "base/linux.hpp"

namespace contained::process {
namespace {

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

bool close_one_by_one(int first) noexcept {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return false;
  const auto end = limit.rlim_cur < INT_MAX ? static_cast<int>(limit.rlim_cur) : INT_MAX;
  for (int fd = first; fd < end; ++fd) ::close(fd);
  return true;
}

}  // namespace

bool close_from(int first, bool close_range_refused) noexcept {
  if (!close_range_refused && ::syscall(SYS_close_range, first, UINT_MAX, 0) == 0) return true;
  return close_by_listing(first) || close_one_by_one(first);
}

}  // namespace contained::process
