// Rights to files by path, landlock(7): what is not below one of the paths can neither be read nor
// executed nor changed, for the command and all that it starts, for ever.
//
// Handled are all rights to files that the running kernel knows. What an older one does not know,
// it does not restrict: before ABI 3 (Linux 6.2) truncate(2), before ABI 5 (6.10) ioctl(2) of
// devices.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"

namespace contained::process {

struct LandlockPath {
  std::string path;
  bool write = false;  ///< all rights; else to execute, to read files, and to list directories
  bool operator==(const LandlockPath&) const = default;
};

/// The kernel's version of the interface; 0 without Landlock.
int landlock_abi() noexcept;

/// For the calling process from now on. Fails over the status pipe at Stage::kLandlock: ENOSYS or
/// EOPNOTSUPP without Landlock, else with the path as subject. REQUIRES: called in the child,
/// single-threaded, with no_new_privs set; kStatusFd is the status pipe.
void restrict_paths(const LandlockPath* paths, std::size_t count) noexcept;

}  // namespace contained::process
