// Keeper: guardian and worker of one job. It has no VM and no terminal: it ends when the job does,
// is asked by the job's control socket, and tells by its files.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cgroup/ground.hpp"
#include "job/job.hpp"
#include "job/name_lock.hpp"
#include "job/plot.hpp"
#include "protocol/message.hpp"

namespace contained::job {

struct Plan {
  std::string space;      ///< the namespace
  Job job;                ///< name, command, cwd, log and on_exit of it
  protocol::Start start;  ///< its streams are the keeper's to choose, unless |foreground|
  cgroup::Wanted cgroups;
  Plot plot;                         ///< where keeper and groups go, if it can be used
  std::vector<std::string> log;      ///< words of the sink; none: no log
  bool foreground = false;           ///< with our terminal and streams, see engine::run_front()
  std::function<void()> on_started;  ///< in the keeper, when the job's files say so; or none
};

/// How a job's start went: its pid, or what failed.
struct Started {
  pid_t os_pid = 0;
};

/// Starts the job in the background: its keeper is nobody's child, in a session of its own, with no
/// descriptor of ours. Returns when the command has been executed, or could not be.
Result<Started> start(Plan plan, NameLock lock);

/// The same here, until the job has ended; returns its exit code, as a shell has it, or 125, 126,
/// 127 after an error, of which |on_error| is told.
int run(Plan plan, NameLock lock, const std::function<void(const Error&)>& on_error);

/// Runs the job's |on_exit| by sh(1), and waits for it if |wait|: CONTAINED_NAMESPACE, _NAME,
/// _STATUS (as a shell has it), _SIGNAL (a number or empty) and _REASON are set.
void run_hook(const std::string& space, const Job& job, const Outcome& outcome, bool wait);

/// Of a job whose keeper was killed.
Outcome killed_outcome(const Job& job);

}  // namespace contained::job
