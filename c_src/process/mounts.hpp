// The files that a program sees, built in the child in a mount namespace of its own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "process/isolation.hpp"

namespace contained::process {

/// One mount, upon |target|. The child writes the last two.
struct MountStep {
  enum class Kind : std::uint8_t { kProc, kBind, kTmpfs };
  Kind kind = Kind::kBind;
  const char* source = nullptr;   ///< of kBind
  const char* target = nullptr;   ///< beneath the new root
  const char* options = nullptr;  ///< of kTmpfs
  bool read_only = false;
  int source_fd = -1;
  bool writable = false;  ///< what |source_fd| is
  dev_t device = 0;       ///< of kTmpfs, once it is mounted
};
static_assert(std::is_trivially_copyable_v<MountStep>);

/// Points into the parent's memory, of which the child has its own copy.
struct MountsPlan {
  const char* root = nullptr;  ///< null: ours
  bool pivot = false;          ///< by pivot_root(2), else chroot(2)
  bool read_only = false;      ///< the root, and what is below it and was not asked for
  MountStep* steps = nullptr;  ///< what is above another one's target comes first
  std::size_t count = 0;
  bool old_calls = false;  ///< do as where open_tree(2) and its like are refused
};
static_assert(std::is_trivially_copyable_v<MountsPlan>);

/// What a plan points to.
struct MountsRoom {
  std::vector<MountStep> steps;
  std::vector<std::string> options;
};

/// Valid as long as |isolation| and |room| are.
MountsPlan mounts_for(const Isolation& isolation, MountsRoom& room);

/// Builds it and goes to "/" in it, or fails over the status pipe with the path that it was about.
/// Targets are followed within the new root: neither a symbolic link nor ".." leads out of it. A
/// target that is missing is made where it is on a tmpfs of the plan. REQUIRES: called in the
/// child, in a mount namespace of its own.
void build_mounts(const MountsPlan& plan) noexcept;

}  // namespace contained::process
