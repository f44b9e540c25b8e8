// The descendants of a process, from /proc.
#pragma once

#include <sys/types.h>

#include <functional>
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

/// The same; |visit| is told of each one as soon as its parent's list has been read, before anybody
/// below it is looked for: whoever forks and exits at once leaves no time.
void visit_descendants(pid_t root, const std::function<void(const Relative&)>& visit);

/// The same from all of /proc.
std::vector<Relative> descendants_by_walk(pid_t root);

/// Neither gone nor a zombie. A process whose main thread has ended is shown as one and lives.
bool is_alive(pid_t pid);

}  // namespace contained::process
