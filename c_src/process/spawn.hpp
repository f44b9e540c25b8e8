// Starting a process: clone3(CLONE_INTO_CGROUP | CLONE_PIDFD), or fork and self-attachment where
// the kernel or a seccomp filter refuses it.
//
// Thread rule: only from the thread that lives as long as the program (PR_SET_PDEATHSIG watches the
// thread that forked), and only in a single-threaded process.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "process/child.hpp"
#include "process/spawn_spec.hpp"

namespace contained::process {

/// Kernel calls found refused so far; the verdicts are kept so that each is tried once. A test sets
/// them to force a fallback.
struct Refused {
  bool clone3 = false;
  bool pidfd_open = false;
  bool close_range = false;
  bool mount_calls = false;  ///< open_tree(2) and its like; only a test sets it

  /// Signals that this process ignores, bit n-1 for signal n: read at the first spawn and reset in
  /// every child. Whoever ignores another one later clears this, or the children inherit it.
  std::optional<std::uint64_t> ignored_signals = {};
};

/// Tries what can be tried without a fork and fills |refused| in; what stands there already stays.
/// spawn() does it at first use: only for those who want to know earlier.
void probe(Refused& refused);

struct Spawned {
  Child child;
  UniqueFd status;  ///< read end of the status pipe, non-blocking; see read_exec_status
};

/// Forks. A NUL byte in a string of |spec| and an empty argv are refused, EINVAL at Stage::kOption
/// with the field as subject. The child is killed by SIGKILL when the calling thread dies. Failures
/// before or at the fork are returned; those in the child come over the status pipe. The verdict on
/// clone3 is cached in |refused| for ENOSYS, EPERM, EINVAL and E2BIG only: EAGAIN is an answer
/// (pids.max).
Result<Spawned> spawn(const SpawnSpec& spec, Refused& refused);

enum class ExecState { kPending, kDone, kFailed };

struct ExecStatus {
  ExecState state = ExecState::kPending;
  Error error;  ///< when kFailed; its subject as far as the child knows it
};

/// What the status pipe says so far. kPending: wait until |status_fd| is readable and ask again.
/// kDone: the program was executed (the pipe closed without a word).
ExecStatus read_exec_status(int status_fd);

}  // namespace contained::process
