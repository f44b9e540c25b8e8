// The descendants of a process, from /proc.
#pragma once

#include <sys/types.h>

#include <vector>

namespace contained::process {

struct Relative {
  pid_t pid = 0;
  pid_t parent = 0;
};

/// Everything below |root|, parents before their children, zombies too. A snapshot: what forks or
/// loses its parent meanwhile may be missing, so whoever hunts looks again until nobody is new.
/// Read from /proc/<pid>/task/*/children, and from all of /proc where the kernel has no such file
/// (CONFIG_PROC_CHILDREN).
std::vector<Relative> descendants_of(pid_t root);

/// The same from all of /proc.
std::vector<Relative> descendants_by_walk(pid_t root);

/// Neither gone nor a zombie. A process whose main thread has ended is shown as one and lives.
bool is_alive(pid_t pid);

}  // namespace contained::process
