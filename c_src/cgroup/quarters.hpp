// Quarters: the groups that the processes of one command live in. One tracks and kills; on v1
// others may stand beside it, in the hierarchies of its limits.
//
// Of the worker's own they are a Cell. Anybody else opens them by their addresses: he can look at
// them, and change what is there, but makes and removes none.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "cgroup/group.hpp"
#include "cgroup/limits.hpp"
#include "cgroup/stats.hpp"

namespace contained::cgroup {

/// Where one group is.
struct Address {
  /// On v1 those of its hierarchy; on v2 those by which the command is limited.
  std::vector<std::string> controllers;
  std::string path;               ///< absolute
  std::uint64_t inode = 0;        ///< of the directory, whose name may come again; 0: any
  std::optional<CpuTime> before;  ///< of a group that has served before: see Group::before()
};

class Quarters {
 public:
  Quarters() = default;

  /// The first address is that of the group that tracks. ENOENT when a directory is not there or is
  /// another one; EINVAL without any.
  static Result<Quarters> open(const std::vector<Address>& addresses);

  bool valid() const { return track_.valid(); }

  /// For who asks stats() again and again, see Group::keep_open().
  void keep_open() { track_.keep_open(); }

  /// SIGKILL to all that is in it, one round: call again until !populated().
  Status kill();

  /// Whether any live process is in one of its groups.
  Result<bool> populated() const;

  /// See Group::open_events(). ENOTSUP on pure v1: ask populated() now and then. It tells of the
  /// tracking group alone: what left that by its own hand and stayed in a limit's is found by
  /// populated().
  Result<UniqueFd> open_events() const;

  /// The members, sub-groups included: sorted, each once.
  std::vector<pid_t> processes() const;
  bool contains(pid_t pid) const;

  /// All that is counted for it, in one vocabulary; what is not known here is not there.
  Result<Stats> stats();

  /// See add_brief(): for who asks many.
  Stats brief() const;

  /// v2: cgroup.freeze, whose effect takes a moment (frozen() tells). Pure v1: the freezer group
  /// that tracks. Never the v1 freezer beside a v2 group: what it holds does not die of SIGKILL.
  Status freeze();
  Status thaw();
  Result<bool> frozen() const;

  /// Applies them in order; those before one that fails stay. Only those of controllers by which it
  /// is limited already: ENOTSUP for others, also when a Cell could have more.
  Status set_limits(const std::vector<Limit>& limits);

  /// What is in force in its own groups, other than the kernel's defaults.
  Result<std::vector<Limit>> limits() const;

  /// A control file by its name, in the hierarchy that has it. EINVAL: no valid_file(). ENOTSUP: no
  /// hierarchy of this cell has it. set() refuses what would take it from us with EPERM:
  /// cgroup.{procs,threads,subtree_control,type}, tasks, notify_on_release, release_agent,
  /// freezer.state. Stage kCgroup, subject |file|.
  Result<std::string> get(std::string_view file) const;
  Status set(std::string_view file, std::string_view value);

  /// Moves |pid| in, into all its groups. ESRCH: no such process.
  Status migrate(pid_t pid);

 protected:
  /// A v1 group of it, beside the tracking one.
  struct Part {
    std::vector<std::string> controllers;  ///< of its hierarchy
    Group group;
    std::size_t hierarchy = 0;  ///< of a cell: index into Trees::v1()
    UniqueFd procs;             ///< of a cell
  };

  /// What of it is counted: by all controllers, or by those of its limits.
  Stats counted(bool all);

  Group track_;
  std::vector<std::string> track_controllers_;  // on pure v1: of its hierarchy
  std::vector<Part> parts_;
  std::vector<std::string> controllers_;  // of its limits and its parents', as v2 names them
  bool altered_ = false;                  // killed, or its files written to

 private:
  friend class QuartersPlace;

  std::vector<std::string> controllers_of_v2() const;

  /// Where |controller| (v2's name) is: no group when it is nowhere.
  struct Where {
    const Group* group = nullptr;
    Version version = Version::kV2;
  };
  Where where(std::string_view controller) const;
  bool limits_by(std::string_view controller) const;
  Status add(const Address& address);
};

}  // namespace contained::cgroup
