// Registry: which jobs there are, and how they are. Files alone are read, and /proc; nothing is
// asked of the keepers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/proc.hpp"
#include "base/result.hpp"
#include "job/job.hpp"
#include "job/namespace.hpp"

namespace contained::job {

enum class State : std::uint8_t {
  kStarting,        ///< its keeper has not yet started it
  kRunning,         ///< its keeper lives, and has not told its end
  kFinished,        ///< there is a result
  kSupervisorDied,  ///< its keeper was killed, and with it the job
  kRebooted         ///< it ran when the machine went down
};
std::string_view name(State state);  ///< "starting", ..., "supervisor_died", "rebooted"

struct Entry {
  std::string name;
  State state = State::kStarting;
  Job job;                         ///< empty while starting
  std::optional<Outcome> outcome;  ///< when finished

  bool running() const { return state == State::kStarting || state == State::kRunning; }
};

/// ENOENT: there is no such job. EPERM, EINVAL: its files are not to be believed.
Result<Entry> look(const Namespace& space, const std::string& name);

/// The same of one whose name we have claimed: nothing of it runs.
Result<Entry> look_claimed(const Namespace& space, const std::string& name);

/// All that look() tells of, sorted by name.
std::vector<Entry> list(const Namespace& space);

/// The processes of a running job, sorted by pid. Without groups its keeper is asked.
std::vector<ProcRow> processes(const Namespace& space, const Entry& entry);

}  // namespace contained::job
