// The files of a group that we touch, see cgroup-v2.rst "Core Interface Files" and, for v1,
// cgroup-v1/{cgroups,freezer-subsystem}.rst.
#pragma once

#include <cerrno>

namespace contained::cgroup {

/// What the kernel answers about a group that has been removed: by name, and through a descriptor.
inline bool is_gone(int code) { return code == ENOENT || code == ENODEV; }

inline constexpr char kProcs[] = "cgroup.procs";
inline constexpr char kThreads[] = "cgroup.threads";
inline constexpr char kEvents[] = "cgroup.events";  ///< absent in the root of the hierarchy
inline constexpr char kKill[] = "cgroup.kill";      ///< since Linux 5.14
inline constexpr char kFreeze[] = "cgroup.freeze";  ///< since Linux 5.2
inline constexpr char kControllers[] = "cgroup.controllers";
inline constexpr char kSubtreeControl[] = "cgroup.subtree_control";
inline constexpr char kFreezerState[] = "freezer.state";  ///< v1, not in the root
inline constexpr char kFreezer[] = "freezer";             ///< the v1 hierarchy
inline constexpr char kCpuStat[] = "cpu.stat";            ///< also without the cpu controller

}  // namespace contained::cgroup
