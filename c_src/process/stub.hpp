// The mode without control groups: each session runs below a stub of its own.
//
// The stub is a forked copy of the worker that is a subreaper (PR_SET_CHILD_SUBREAPER) and the
// parent of the program. Every descendant, whatever it forks, however it calls setsid(2) and
// whoever of its parents dies, stays below the stub, so that nothing is attributed by guess. It is
// a session of its own named "contained_stub", holds no descriptor but its control socket and reads
// /proc.
//
// The end. The stub exits with 0 when the leader has exited and no other descendant is left, not
// even a zombie: its own exit, as the worker's reaper sees it, means "the group is empty". The
// usage reaped with it is that of the whole session. Events that it sent before are still on
// |control|: read them first. When |control| is closed, or when the worker dies without closing it
// (SIGTERM as parent death signal), the stub kills everything and exits. It ignores all other
// signals.
//
// What is left to the caller:
// - A payload with the stub's uid can SIGSTOP it: the requests below do nothing then, until SIGCONT
//   is sent to |stub|. Send it with every kill.
// - It can SIGKILL it, too. The leader then dies with it (PR_SET_PDEATHSIG, which set-user-ID
//   programs escape) and all descendants become children of the worker, the next subreaper: the
//   leader's own end is reaped there by its pid, no StubLeaderExited comes, and the rest is for
//   Reaper::kill_strays.
// - The stub tries for ever to kill what does not die (state D, EPERM of a set-user-ID program):
// how
//   long to wait is the worker's decision, StubCount tells how many are left.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <variant>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "process/child.hpp"
#include "process/exit_status.hpp"
#include "process/spawn.hpp"
#include "process/spawn_spec.hpp"

namespace contained::process {

struct StubSpawned {
  Child stub;
  UniqueFd status;   ///< as in Spawned, of the program: see read_exec_status
  UniqueFd control;  ///< non-blocking; see read_stub. Closing it kills the session.
};

/// Forks a stub, which forks and executes the program that |spec| describes, with everything in it
/// but |cgroup_fd|, which must be -1. Errors as of spawn(). What fails in the stub itself comes
/// over the status pipe like a failure in the child. Once the status pipe has said kDone,
/// StubLeader can be read from |control|; when it cannot, somebody has killed the stub and no
/// program ran.
Result<StubSpawned> spawn_stub(const SpawnSpec& spec, Refused& refused);

/// An init in the place of the stub: pid 1 of the pid namespace that |spec| asks for, which is
/// entered before anything else. It reaps, and hands the signals that others send it on to the
/// program. What is different from a stub:
/// - It may stand in |cgroup_fd| and the groups of |attach_fds|, and the program with it.
/// - Its end is the end of all others in the namespace: whatever kills it (PR_SET_PDEATHSIG, as the
///   worker dies, even together with its guardian), the kernel kills the rest. No process leaves.
/// - A payload can neither stop, kill nor trace it.
/// - stub_count is answered with whether anybody is left (0 or 1), and |others| says no more.
/// - When it was killed, so was the leader, of which it tells no more.
Result<StubSpawned> spawn_init(const SpawnSpec& spec, Refused& refused);

// ---- What the stub tells

struct StubLeader {  ///< once and first; not when the fork of the leader has failed
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< as in ProcStat; 0: /proc did not tell, or it is an init's
};
struct StubLeaderExited {  ///< once
  ExitStatus status;
  rusage usage = {};         ///< of the leader and what it has waited for
  std::uint64_t others = 0;  ///< other processes of the session alive at that time
};
struct StubSignaled {  ///< one for each stub_signal, in their order
  int code = 0;        ///< errno; 0: at least one process was reached
};
struct StubCount {  ///< one for each stub_count
  std::uint64_t processes = 0;
};
struct StubOrphanExited {  ///< with SpawnSpec::tell_orphans: a descendant without its parent
  pid_t pid = 0;           ///< an init's: as it is called in its pid namespace
  ExitStatus status;
};
struct StubClosed {};  ///< the stub has ended; again at every further call

using StubEvent = std::variant<StubLeader, StubLeaderExited, StubSignaled, StubCount,
                               StubOrphanExited, StubClosed>;

/// The next event; none: wait until |control| is readable.
std::optional<StubEvent> read_stub(int control);

// ---- What it can be asked. EPIPE when it has ended, EAGAIN when it has not taken many requests
// (it is stopped); never blocks.

/// To every process of the session, or to the leader alone. ESRCH in the answer when there is none.
Status stub_signal(int control, int number, bool leader_only);

/// SIGKILL to every process of the session, until none is left; the stub's exit tells of it.
Status stub_kill(int control);

/// How many processes of the session are alive, the leader among them; zombies are not.
Status stub_count(int control);

}  // namespace contained::process
