// Credentials: as whom and within which bounds a program runs. Everything is optional; what is not
// asked for is inherited and costs no system call.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "process/capabilities.hpp"

namespace contained::process {

struct ResourceLimit {
  int resource = 0;  ///< RLIMIT_...
  rlimit value = {};
};

/// RLIMIT_NOFILE for "nofile"; none when there is no such resource.
std::optional<int> resource_named(std::string_view name);

/// "nofile" for RLIMIT_NOFILE; empty when there is no such resource.
std::string_view resource_name(int resource);

struct Credentials {
  std::optional<uid_t> uid = {};  ///< real, effective and saved; needs |gid|
  std::optional<gid_t> gid = {};

  /// The complete supplementary groups. None: no groups where |uid| or |gid| is given (never the
  /// caller's), else untouched.
  std::optional<std::vector<gid_t>> groups = {};

  std::optional<mode_t> umask = {};

  /// -20 to 19. The new session is an autogroup of its own, within which alone it counts where the
  /// kernel schedules by autogroups, sched(7).
  std::optional<int> nice = {};

  std::optional<int> oom_score_adj = {};
  std::vector<ResourceLimit> limits = {};  ///< applied in order
  bool no_new_privs = false;
  std::optional<Capabilities> capabilities = {};

  /// Nothing is asked for.
  bool plain() const;
};

/// What the caller must not ask: a uid without a gid, -1 as id (it means "unchanged" to
/// setresuid(2)). EINVAL at Stage::kIds, the field as subject.
Status check(const Credentials& who);

/// The supplementary groups to set, in ascending order as getgroups(2) returns them; none: leave
/// them.
std::optional<std::vector<gid_t>> groups_to_set(const Credentials& who);

}  // namespace contained::process
