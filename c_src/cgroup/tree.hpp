// The launcher's own directory `<base>/contained-<pidns>-<pid>-<start>` in one hierarchy:
// everything it starts lives in `<tree>/<group>/<name>`, the group being up to four deep; guardian
// and worker never do, so killing the tree kills all and only what it started.
//
// The name says who owns it (pid namespace, pid and start time of the guardian), made by one
// mkdir(2): a sweeper never sees a directory without its owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "cgroup/group.hpp"

namespace contained::cgroup {

struct Owner {
  std::uint64_t pid_namespace = 0;
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  bool operator==(const Owner&) const = default;
};

/// "contained-<pidns>-<pid>-<start>"
std::string tree_name(const Owner& owner);

/// The inverse; nothing for a name that is not exactly what tree_name() writes.
std::optional<Owner> parse_tree_name(std::string_view name);

class Tree {
 public:
  Tree() = default;

  /// Makes the owner's directory below |base|, in v2 or the v1 hierarchy so called.
  static Result<Tree> create(const std::string& base, const Owner& owner,
                             const std::string& hierarchy = {});

  bool valid() const { return self_.valid(); }
  const std::string& path() const { return path_; }  ///< absolute

  /// Makes `<group>/<name>` and opens it; it must not outlive the tree. The parent group is made on
  /// first use and kept. When an outsider removed the parent or the tree, they are made again.
  Result<Group> make_group(const std::string& group, const std::string& name);

  /// The parent group, a valid_path(), made when it is not there. EBUSY when one of its names is a
  /// command's group. Good until the next call that makes something.
  Result<const Group*> parent(const std::string& group);

  /// Takes an old `<group>/<name>` away, so that it can be made anew. EBUSY: it is a parent,
  /// frozen, or holds processes.
  Status discard(const std::string& group, const std::string& name);

  /// The parent group if it has been made.
  const Group* find(const std::string& group) const;
  Group* find(const std::string& group);

  /// Removes an unpopulated parent with all below it; no group made there may be in use any more.
  /// True when it is gone, or never was.
  Result<bool> drop(const std::string& group);

  /// Removes a parent that holds nothing; otherwise nothing happens.
  void forget(const std::string& group);

  /// Removes what is empty, all of it or as much as there is. True when the tree is gone.
  bool fold();

  int base_fd() const { return base_.get(); }
  const Group& self() const { return self_; }

  /// Whether |pid| is in one of our groups, by /proc/<pid>/cgroup.
  bool contains(pid_t pid) const { return self_.contains(pid); }

  /// One round of the end: kills everything in it, then tries to remove it. True when it is gone.
  Result<bool> destroy();

 private:
  Result<Group> try_make(const std::string& group, const std::string& name);
  Result<const Group*> try_parent(const std::string& group);
  Result<Group> make_parent(const std::string& group, int above, const std::string& name);
  Status restore();

  UniqueFd base_;
  std::string path_;
  Group self_;
  std::unordered_map<std::string, Group> parents_;
  // Removed by an outsider; groups made in them still hold their fd.
  std::vector<std::pair<std::string, Group>> retired_;
};

/// The trees below |base| whose owner is dead: same pid namespace as ours and of our own user, and
/// no process with that pid and start time. Others' are never touched.
std::vector<std::string> stale_trees(const std::string& base);

/// One round of kill and remove for the tree |name| below |base| in that hierarchy. True when it is
/// gone. EINVAL for a name that is not a tree's.
Result<bool> sweep(const std::string& base, const std::string& name,
                   const std::string& hierarchy = {});

}  // namespace contained::cgroup
