// Cell: the groups of one command, made by us.
//
// Made by Ground::make() and ended by Ground::give_back(); the ground must outlive it. One without
// groups (best effort) is not valid(): it contains nobody and refuses all control.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "cgroup/quarters.hpp"

namespace contained::cgroup {

class Trees;

class Cell : public Quarters {
 public:
  Cell() = default;

  /// Directory for CLONE_INTO_CGROUP; -1 without a v2 group.
  int clone_fd() const { return track_.is_v1() ? -1 : track_.fd(); }

  /// cgroup.procs of the v1 groups, open for writing: the child writes "0" into each before exec.
  std::vector<int> procs_fds() const;

  /// What it has used since it was made: of a command without limits its CPU time alone (no more
  /// is cheap), else also what its limits' controllers count. To be asked before it is given back.
  Result<Usage> usage();

  /// Applies them in order; those before one that fails stay. v1 groups that it has not been in
  /// are made, and its processes moved into them.
  Status set_limits(const std::vector<Limit>& limits);

  /// Where its groups are, for Quarters::open(): the tracking one first, none without groups.
  /// Whoever is told may alter them, so they serve no other command afterwards.
  std::vector<Address> addresses();

  /// It serves no other command afterwards.
  void keep_from_others() { reusable_ = false; }

  /// Gives the v2 group, and the files of /sys/kernel/cgroup/delegate in it, to that user. ENOTSUP
  /// on pure v1: there is no safe delegation.
  Status chown(uid_t uid, gid_t gid);

  /// Absolute directory of the tracking group.
  std::string path() const;

  /// How /proc shows the v2 group. ENOTSUP without one.
  Result<std::string> shown() const;

  const std::string& name() const { return track_.name(); }
  const std::string& group() const { return parent_; }

  /// The keys, and for settings the files, that were ignored because nothing here can do them.
  const std::vector<std::string>& not_applied() const { return not_applied_; }

 private:
  friend class Ground;
  friend class CellPlace;

  Stats local_counts();
  Status pull_in(int dirfd) const;

  Trees* trees_ = nullptr;
  UniqueFd track_procs_;  // on pure v1
  std::string parent_;
  std::vector<std::string> not_applied_;
  bool reusable_ = false;  // may become a spare
  bool named_ = false;     // by the caller
  bool keep_ = false;
  std::uint64_t kills_ = 0;           // of crowds, when it was made
  std::shared_ptr<const void> hold_;  // on its parent's descriptor
};

}  // namespace contained::cgroup
