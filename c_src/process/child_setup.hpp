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

#include "base/error.hpp"

namespace contained::process {

/// One bit per signal, bit n-1 for signal n.
using SignalBits = std::uint64_t;
inline constexpr SignalBits kAllSignals = ~SignalBits{0};
inline constexpr int kLastSignal = 64;

/// What the child needs. Points into the parent's memory, of which the child has its own copy.
struct ChildPlan {
  const char* program = nullptr;
  char** argv = nullptr;              ///< [0] is changed with |candidates|
  char* const* candidates = nullptr;  ///< null-terminated; null: |program|
  char* const* envp = nullptr;
  const char* cd = nullptr;              ///< null: stay
  std::array<int, 3> stdio = {0, 1, 2};  ///< any descriptors, also 0 to 4, also the same twice
  int status_fd = -1;                    ///< write end of the status pipe
  int procs_fd = -1;                     ///< cgroup.procs to attach by; -1: already there
  pid_t parent = 0;                      ///< who must still be our parent
  const rlimit* open_files = nullptr;    ///< null: inherited

  /// Signals whose disposition is set to the default. After CLONE_CLEAR_SIGHAND only those that the
  /// parent ignores are left to reset, see clone(2).
  SignalBits reset_signals = kAllSignals;

  bool close_range_refused = false;
};
static_assert(std::is_trivially_destructible_v<ChildPlan>);
static_assert(std::is_trivially_copyable_v<ChildPlan>);

/// Becomes the program, or writes one status word and exits with 127. REQUIRES: called in a freshly
/// forked child with all signals blocked.
[[noreturn]] void run_child(const ChildPlan& plan) noexcept;

/// What goes over the status pipe in one write: the stage, then errno in host order.
using StatusWord = std::array<char, sizeof(std::uint8_t) + sizeof(std::int32_t)>;
StatusWord encode_status(Stage stage, int code) noexcept;
Error decode_status(const StatusWord& word);

}  // namespace contained::process
