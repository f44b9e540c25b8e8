// The groups of our jobs and launchers, looked at: files of control groups and /proc are read,
// nothing is kept open and, but of jobs without groups, nobody is asked.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/top_model.hpp"

namespace contained::cli {

/// Those of our user: the running jobs of the namespace |space|, or without one of all namespaces,
/// and the commands of all launchers. ENOENT: there is no such namespace.
Result<TopSnapshot> take_snapshot(const std::string& space);

/// What a process has used, of /proc/<pid>/stat.
struct ProcUse {
  std::string name;  ///< comm
  std::uint64_t cpu_us = 0;
  std::uint64_t age_ms = 0;
  std::uint64_t resident = 0;  ///< bytes
};

/// Field numbers as in proc_pid_stat(5). |ticks|: per second; |now_ms|: since boot.
Result<ProcUse> parse_proc_use(std::string_view text, std::uint64_t now_ms, std::uint64_t ticks,
                               std::uint64_t page);

}  // namespace contained::cli
