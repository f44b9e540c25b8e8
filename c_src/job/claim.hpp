// Claim: taking a name for a new job, or a job that is over for good.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "job/name_lock.hpp"
#include "job/namespace.hpp"

namespace contained::job {

/// The name, when no job has it. EBUSY: one runs; the subject is the pid of its command, or, of one
/// that has not yet told it within a few seconds, empty. One that has just ended is waited for.
/// ENOENT: the namespace has been removed.
Result<NameLock> claim(const Namespace& space, const std::string& name);

/// The launcher or other program of Contained that we run below, and whose end would be that of
/// everything we start, wherever it goes: it is a subreaper (prctl(2)) and kills what it inherits.
/// 0: none is known.
pid_t launcher_above();

}  // namespace contained::job
