// The fork itself: by clone3(2), else by fork(2).
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "process/child_setup.hpp"
#include "process/spawn.hpp"

namespace contained::process {

/// All signals, for as long as it lives. A handler of ours that ran in a child, on a copy of our
/// memory, would act on our descriptors.
class SignalsBlocked {
 public:
  SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked();

 private:
  sigset_t before_;
};

struct Forked {
  pid_t pid = 0;
  UniqueFd pidfd;  ///< may be invalid
};

/// Forks into the v2 group |cgroup_fd|, or with -1 into ours, and runs |plan.entry| in the child.
/// Where clone3 is not to be had, the child attaches itself. A namespace that the fork was to make
/// and was not allowed to is an error at Stage::kNamespace. The ids of a user namespace are mapped,
/// or somebody is started who does it: what goes wrong there the child tells.
Result<Forked> fork_child(const ChildPlan& plan, int cgroup_fd, Refused& refused);

/// Forks a copy of this process, which returns too, with pid 0. REQUIRES: SignalsBlocked, as no
/// handler is cleared where clone3 is not to be had.
Result<Forked> fork_self(Refused& refused);

/// A descriptor for a child that is not reaped before the caller's loop runs again; invalid where
/// it is refused.
UniqueFd pidfd_of(pid_t pid, Refused& refused);

/// Refused or missing, by this errno.
bool is_refused(int code);

}  // namespace contained::process
