// The half of a spawn that runs in the child, between fork and exec.
//
// The parent prepares one plain ChildPlan. The child allocates nothing, takes no lock, throws
// nothing, and ends in execve(2) or _exit(2).
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "process/child_credentials.hpp"
#include "process/id_maps.hpp"
#include "process/namespaces.hpp"
#include "process/spawn_spec.hpp"

namespace contained::process {

/// One bit per signal, bit n-1 for signal n.
using SignalBits = std::uint64_t;
inline constexpr SignalBits kAllSignals = ~SignalBits{0};
inline constexpr int kLastSignal = 64;

/// One per hierarchy, and the v2 group of its own.
inline constexpr std::size_t kMostGroups = kMostAttachments + 1;

/// What the child needs. Points into the parent's memory, of which the child has its own copy.
struct ChildPlan;
using ChildMain = void (*)(const ChildPlan&);  ///< does not return

struct ChildPlan {
  ChildMain entry = nullptr;  ///< run_child, or what stands between it and the fork
  const char* program = nullptr;
  char** argv = nullptr;  ///< [0] is changed with |candidates|, unless |keep_arg0|
  bool keep_arg0 = false;
  char* const* candidates = nullptr;  ///< null-terminated; null: |program|
  char* const* envp = nullptr;
  const char* cd = nullptr;              ///< null: stay
  bool inherit_cd = false;               ///< see SpawnSpec
  bool new_session = true;               ///< see SpawnSpec
  std::array<int, 3> stdio = {0, 1, 2};  ///< any descriptors, also 0 to 4, also the same twice
  int terminal = -1;                     ///< see SpawnSpec
  const std::pair<int, int>* extras = nullptr;  ///< further ones, see SpawnSpec
  std::size_t extra_count = 0;
  int status_fd = -1;                            ///< write end of the status pipe
  std::array<int, kMostGroups> attach_fds = {};  ///< cgroup.procs of the groups to enter
  std::size_t attach_count = 0;
  pid_t parent = 0;                    ///< who must still be our parent
  const rlimit* open_files = nullptr;  ///< null: inherited
  CredentialsPlan credentials;
  const Seal* seal = nullptr;  ///< null: none

  Namespaces clone_flags = 0;                  ///< of kMadeByFork
  MapsPlan maps;                               ///< of a new user namespace
  const NamespacesPlan* namespaces = nullptr;  ///< null: nothing is isolated
  int control_fd = -1;                         ///< of an init of ours

  /// Signals whose disposition is set to the default. After CLONE_CLEAR_SIGHAND only those that the
  /// parent ignores are left to reset, see clone(2).
  SignalBits reset_signals = kAllSignals;

  bool close_range_refused = false;
  bool tell_orphans = false;  ///< see SpawnSpec
};
static_assert(std::is_trivially_destructible_v<ChildPlan>);
static_assert(std::is_trivially_copyable_v<ChildPlan>);

/// Becomes the program, or writes one status word and exits with 127. REQUIRES: called in a freshly
/// forked child with all signals blocked.
[[noreturn]] void run_child(const ChildPlan& plan) noexcept;

/// setsid(2), where |plan| says so.
void leave_session(const ChildPlan& plan) noexcept;

/// Enters the v1 groups of |plan|, and its v2 group where the fork did not.
void attach(const ChildPlan& plan) noexcept;

/// The first half of it: enters the groups and the namespaces. Returns the number that
/// |plan.control_fd| has from then on; the status pipe is kStatusFd.
int isolate_child(const ChildPlan& plan) noexcept;

/// The second half.
[[noreturn]] void become_program(const ChildPlan& plan) noexcept;

}  // namespace contained::process
