// Cell: the groups of one command. One tracks and kills it; on v1 others may stand beside it, in
// the hierarchies of its limits.
//
// Made by Ground::make() and ended by Ground::give_back(); the ground must outlive it. One without
// groups (best effort) is not valid(): it contains nobody and refuses all control.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "cgroup/group.hpp"
#include "cgroup/limits.hpp"
#include "cgroup/stats.hpp"

namespace contained::cgroup {

class Trees;

class Cell {
 public:
  Cell() = default;

  bool valid() const { return track_.valid(); }

  /// Directory for CLONE_INTO_CGROUP; -1 without a v2 group.
  int clone_fd() const { return track_.is_v1() ? -1 : track_.fd(); }

  /// cgroup.procs of the v1 groups, open for writing: the child writes "0" into each before exec.
  std::vector<int> procs_fds() const;

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

  /// What it has used since it was made: of a command without limits its CPU time alone (no more
  /// is cheap), else also what its limits' controllers count. To be asked before it is given back.
  Result<Usage> usage();

  /// All that is counted for it, in one vocabulary; what is not known here is not there.
  Result<Stats> stats();

  /// v2: cgroup.freeze, whose effect takes a moment (frozen() tells). Pure v1: the freezer group
  /// that tracks. Never the v1 freezer beside a v2 group: what it holds does not die of SIGKILL.
  Status freeze();
  Status thaw();
  Result<bool> frozen() const;

  /// Applies them in order; those before one that fails stay. v1 groups that it has not been in
  /// are made, and its processes moved into them.
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

  /// Gives the v2 group, and the files of /sys/kernel/cgroup/delegate in it, to that user. ENOTSUP
  /// on pure v1: there is no safe delegation.
  Status chown(uid_t uid, gid_t gid);

  /// Absolute directory of the tracking group.
  std::string path() const;

  const std::string& name() const { return track_.name(); }
  const std::string& group() const { return parent_; }

  /// The keys, and for settings the files, that were ignored because nothing here can do them.
  const std::vector<std::string>& not_applied() const { return not_applied_; }

 private:
  friend class Ground;
  friend class CellPlace;

  /// A v1 group of it, beside the tracking one.
  struct Part {
    std::size_t hierarchy = 0;  ///< index into Trees::v1()
    Group group;
    UniqueFd procs;
  };

  /// The group that has |controller|: nothing when none has.
  const Group* group_of(std::string_view controller) const;
  bool counts(std::string_view controller) const;
  Stats counted(bool all);
  Stats local_counts();
  Status pull_in(int dirfd) const;

  Trees* trees_ = nullptr;
  Group track_;
  UniqueFd track_procs_;  // on pure v1
  std::vector<Part> parts_;
  std::string parent_;
  std::vector<std::string> controllers_;  // of its limits and its parents', as v2 names them
  std::vector<std::string> not_applied_;
  bool reusable_ = false;  // may become a spare
  bool named_ = false;     // by the caller
  bool keep_ = false;
  bool altered_ = false;              // killed, or its files written to
  std::uint64_t kills_ = 0;           // of crowds, when it was made
  std::shared_ptr<const void> hold_;  // on its parent's descriptor
};

}  // namespace contained::cgroup
