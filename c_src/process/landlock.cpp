#include "process/landlock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "process/status_word.hpp"

// Of Linux 5.13, by asm-generic's numbers (base/linux.hpp says where these do not hold); glibc has
// no functions for them.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_landlock_add_rule
#define SYS_landlock_add_rule 445
#endif
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

namespace contained::process {
namespace {

// Our own definitions: the kernel may be younger than the headers. See linux/landlock.h.
constexpr std::uint32_t kVersionFlag = 1;
constexpr int kPathBeneath = 1;
using Rights = std::uint64_t;
constexpr Rights kExecute = 1U << 0;
constexpr Rights kWriteFile = 1U << 1;
constexpr Rights kReadFile = 1U << 2;
constexpr Rights kReadDirectory = 1U << 3;
constexpr Rights kTruncate = 1U << 14;
constexpr Rights kDeviceControl = 1U << 15;
constexpr Rights kReading = kExecute | kReadFile | kReadDirectory;
// What a rule about anything but a directory may give.
constexpr Rights kOfFiles = kExecute | kWriteFile | kReadFile | kTruncate | kDeviceControl;

// All rights of an ABI; the next ones add none to files but the last of 5.
constexpr std::array<Rights, 6> kRights = {0,
                                           (1U << 13) - 1,   // up to MAKE_SYM
                                           (1U << 14) - 1,   // REFER
                                           (1U << 15) - 1,   // TRUNCATE
                                           (1U << 15) - 1,   // (the network)
                                           (1U << 16) - 1};  // IOCTL_DEV

struct RulesetAttributes {
  Rights handled = 0;  // the first field is all that ABI 1 has, and all that we need
};

struct PathBeneath {
  Rights allowed = 0;
  std::int32_t parent_fd = -1;
} __attribute__((packed));
static_assert(sizeof(PathBeneath) == 12);

long ask_abi() noexcept { return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kVersionFlag); }

Rights rights_of(long abi) noexcept {
  return kRights[static_cast<std::size_t>(std::min<long>(abi, kRights.size() - 1))];
}

// Opened here and not in the worker: a file system that hangs is to hang nobody else.
void allow_below(int ruleset, const LandlockPath& rule, Rights handled) noexcept {
  const char* const path = rule.path.c_str();
  const int file = ::open(path, O_PATH | O_CLOEXEC);
  struct stat info = {};
  if (file < 0 || ::fstat(file, &info) < 0) fail_about(path, Stage::kLandlock);
  const Rights rights = handled & (rule.write ? ~Rights{0} : kReading);
  const PathBeneath beneath = {S_ISDIR(info.st_mode) ? rights : rights & kOfFiles, file};
  if (::syscall(SYS_landlock_add_rule, ruleset, kPathBeneath, &beneath, 0) < 0) {
    fail_about(path, Stage::kLandlock);
  }
  ::close(file);
}

}  // namespace

int landlock_abi() noexcept { return static_cast<int>(std::max(ask_abi(), 0L)); }

void restrict_paths(const LandlockPath* paths, std::size_t count) noexcept {
  const long abi = ask_abi();
  if (abi < 1) fail_about("", Stage::kLandlock);
  const RulesetAttributes attributes = {rights_of(abi)};
  const auto made = ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
  if (made < 0) fail_about("", Stage::kLandlock);
  const int ruleset = static_cast<int>(made);
  for (std::size_t i = 0; i < count; ++i) allow_below(ruleset, paths[i], attributes.handled);
  if (::syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) fail_about("", Stage::kLandlock);
  ::close(ruleset);
}

}  // namespace contained::process
