// What /proc tells of a process. A pid is not an identity: pid and start time together are.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace contained {

/// The fields of /proc/<pid>/stat that we need, see proc_pid_stat(5).
struct ProcStat {
  pid_t pid = 0;
  char state = '?';              ///< field 3: 'R', 'S', 'T' (stopped), 'Z', ...
  pid_t ppid = 0;                ///< field 4
  std::uint64_t start_time = 0;  ///< field 22, clock ticks since boot
};

/// Parses the text of /proc/<pid>/stat; the command name may hold spaces and parentheses. EINVAL.
Result<ProcStat> parse_proc_stat(std::string_view text);

/// ENOENT or ESRCH when there is no such process.
Result<ProcStat> read_proc_stat(pid_t pid);

/// A process as a list of processes shows it.
struct ProcRow {
  ProcStat stat;
  std::string name;     ///< comm; the kernel's, at most 15 bytes; "" when it is hidden
  std::string command;  ///< cmdline, each argument ended by NUL; "" of a zombie
};

/// ENOENT or ESRCH when there is no such process. Waits for a process that is changing its memory:
/// cmdline is read from there.
Result<ProcRow> read_proc_row(pid_t pid);

/// The ids of its threads, as /proc/<pid>/task lists them; none when it is gone.
std::vector<pid_t> threads_of(pid_t pid);

/// The children of |pid|'s main thread, from /proc/<pid>/task/<pid>/children; where the kernel has
/// no such file (CONFIG_PROC_CHILDREN), by a walk of /proc.
std::vector<pid_t> children_of(pid_t pid);

/// Inode number of our own pid namespace; 0 when unreadable.
std::uint64_t pid_namespace();

}  // namespace contained
