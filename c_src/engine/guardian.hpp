// Guardian: the process that the VM starts. It forks the worker and then does nothing but watch it:
// whatever becomes of the worker, the guardian kills what the worker had started.
//
// It watches by SIGCHLD and waitid(2), never by end of file on a pipe: a child that is forked and
// not yet executed holds the worker's pipes and would hide its death.
#pragma once

#include "base/unique_fd.hpp"
#include "cgroup/ground.hpp"

namespace contained::engine {

struct GuardianOptions {
  UniqueFd from_vm;
  UniqueFd to_vm;
  cgroup::Wanted cgroups;
};

/// Returns the exit code of the program, in the guardian and in the worker.
int run_guardian(GuardianOptions options);

}  // namespace contained::engine
