// Spares: groups that have become empty, kept for the commands to come.
//
// A fresh group costs about 300 us in all (mkdir, its first fork, rmdir, and the kernel's per-cpu
// accounts being allocated for it), one that is used again next to nothing.
//
// One that was ever killed through cgroup.kill must not come here: since Linux 6.14 what is cloned
// into it dies at birth (its kill_seq is not its parent's).
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "cgroup/group.hpp"
#include "cgroup/tree.hpp"

namespace contained::cgroup {

class Spares {
 public:
  /// |tree| must outlive it.
  explicit Spares(Tree& tree) : tree_(tree) {}

  /// An empty group below |parent|: a spare one, or a new one.
  Result<Group> take(const std::string& parent);

  /// A new one; for whoever could not start in a spare one, which somebody must have altered.
  Result<Group> make(const std::string& parent);

  /// Removes all that are kept, or those in and below |group|: they may no longer be good.
  void clear();
  void clear(const std::string& group);

  /// Keeps |group| if it is empty and as good as new, else removes it. True when it is taken or
  /// gone, false while it is populated (see Group::remove); then the caller has it still.
  Result<bool> give_back(const std::string& parent, Group& group);

 private:
  static constexpr std::size_t kMost = 16;  ///< for each parent

  Tree& tree_;
  std::uint64_t next_name_ = 1;
  std::unordered_map<std::string, std::vector<Group>> spares_;
};

}  // namespace contained::cgroup
