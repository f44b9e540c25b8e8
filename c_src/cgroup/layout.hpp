// Where control groups are on this machine: the hierarchies, and our place in each. The paths of
// /proc/<pid>/cgroup differ from one to the other.
//
// Parsing is apart from reading: the parsers take text, so that fixtures of other machines are
// tests.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace contained::cgroup {

struct Mount {
  std::string root;        ///< the directory of the file system that is mounted
  std::string mountpoint;  ///< octal escapes resolved
  std::string fstype;      ///< "cgroup" or "cgroup2"
  std::string options;     ///< super options, "rw,memory"
  bool read_only = false;  ///< the mount or the file system is
};

/// The cgroup and cgroup2 mounts of /proc/<pid>/mountinfo, the last mount on a mountpoint winning
/// (one of another type hides ours). Lines that are not mountinfo are skipped.
std::vector<Mount> parse_mountinfo(std::string_view text);

/// The path in the line of |hierarchy| in /proc/<pid>/cgroup: a v1 controller or "name=...", or
/// nothing for v2. ENOENT without such a line.
Result<std::string> parse_path(std::string_view text, std::string_view hierarchy);

/// Absolute directory of the group |path| as seen through |mount|; ENOENT when it lies outside
/// of what is mounted ("/..", another root).
Result<std::string> resolve(const Mount& mount, std::string_view path);

/// The inverse of resolve(): how /proc/<pid>/cgroup shows the group at the absolute |directory|.
/// Both texts are relative to the reader's control group namespace (cgroup_namespaces(7)), so
/// members show this path or one below it. ENOENT when no mount holds |directory|.
Result<std::string> shown_path(const std::vector<Mount>& mounts, std::string_view directory);

/// shown_path() of the group open as |dirfd|, removed or not: two reads of /proc/self.
Result<std::string> shown_path(int dirfd);

/// Whether |path| of /proc/<pid>/cgroup is the group |group| or below it, both as shown. A zombie
/// of a removed group shows "<path> (deleted)" and still counts.
bool lies_within(std::string_view path, std::string_view group);

/// The v2 group of |pid| as /proc shows it, as that of a zombie, too, whose group has been removed.
Result<std::string> shown_group(pid_t pid);

struct Layout {
  std::string mountpoint;  ///< of the v2 hierarchy
  std::string own;         ///< absolute directory of our own v2 group
};

/// The first writable v2 mount that shows our own group |path|. ENODEV without a v2 mount, EROFS
/// when all are read-only, ENOENT when none shows it.
Result<Layout> choose_layout(const std::vector<Mount>& mounts, std::string_view path);

/// A v1 hierarchy.
struct Hierarchy {
  std::vector<std::string> controllers;  ///< mounted together; or one "name=..."
  std::string mountpoint;
  std::string own;  ///< absolute directory of our own group; empty: the mount does not show it
};

/// The v1 hierarchies of |text| (/proc/self/cgroup) that have a writable mount.
std::vector<Hierarchy> choose_v1(const std::vector<Mount>& mounts, std::string_view text);

/// What /proc/self tells of control groups, read once for all that look for something in it.
struct Outlook {
  std::vector<Mount> mounts;  ///< that can be reached
  std::string groups;         ///< /proc/self/cgroup
};
Result<Outlook> look_around();

/// choose_v1() of this process; where no mount shows our path, the mountpoint if it lists us.
Result<std::vector<Hierarchy>> find_v1();
std::vector<Hierarchy> find_v1(const Outlook& outlook);

/// Whether |directory| is one of a v2 hierarchy, see statfs(2).
Result<bool> is_v2(const std::string& directory);

/// Whether cgroup.procs of |directory| has our pid.
bool lists_us(const std::string& directory);

/// ENODEV when no v2 hierarchy is mounted, EROFS when it is read-only. Where no mount shows our
/// path (a mount of another namespace), the mountpoint that lists us as a member.
Result<Layout> find_layout();
Result<Layout> find_layout(const Outlook& outlook);

/// On whose behalf a base is chosen.
struct Caller {
  uid_t uid = 0;         ///< effective
  bool systemd = false;  ///< it manages the hierarchy, see sd_booted(3)
};
Caller current_caller();

/// The directory to build in: the nearest of |layout.own| and its ancestors that is writable and
/// delegated and holds no process; for root also the hierarchy's root where no systemd manages it;
/// else |layout.own| itself, for tracking and killing only. |wanted| (an absolute path, or one
/// relative to the mountpoint) is taken instead when not empty: an error naming it when it is not a
/// writable v2 group. EACCES when nothing is writable.
///
/// Delegated is what carries the user.delegate or trusted.delegate xattr, and what |caller| owns,
/// except that root under systemd owns everything and may claim none of it.
Result<std::string> choose_base(const Layout& layout, std::string_view wanted,
                                const Caller& caller = current_caller());

}  // namespace contained::cgroup
