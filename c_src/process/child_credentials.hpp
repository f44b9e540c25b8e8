// Becoming somebody else, between fork and exec.
#pragma once

#include <cstddef>
#include <type_traits>

#include "process/credentials.hpp"

namespace contained::process {

/// Points into the parent's memory, of which the child has its own copy.
struct CredentialsPlan {
  const Credentials* who = nullptr;  ///< null: nothing to do
  bool set_groups = false;
  const gid_t* groups = nullptr;  ///< ascending
  std::size_t group_count = 0;
  gid_t* room = nullptr;  ///< for |group_count| + 1 groups read back
};
static_assert(std::is_trivially_copyable_v<CredentialsPlan>);

/// Applies everything and reads everything back, or fails over the status pipe: oom_score_adj,
/// limits, nice; then what needs privileges (bounding set, groups, gid, uid), what is left of them
/// (capabilities), umask and no_new_privs. A value that the kernel takes and changes is ERANGE.
/// REQUIRES: called in the child, single-threaded; kStatusFd is the status pipe; |plan.who| is not
/// null.
void become(const CredentialsPlan& plan) noexcept;

}  // namespace contained::process
