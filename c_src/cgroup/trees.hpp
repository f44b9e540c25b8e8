// Trees: where each controller is on this machine, and the launcher's tree in each hierarchy.
//
// The first one tracks; those of v1 are made when a limit first needs them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/limits.hpp"
#include "cgroup/marks.hpp"
#include "cgroup/tree.hpp"

namespace contained::cgroup {

/// Where the limits of a controller are.
struct Home {
  Version version = Version::kV2;
  std::size_t hierarchy = 0;  ///< on v1: index into Trees::v1()
  bool operator==(const Home&) const = default;
};

class Trees {
 public:
  /// A v1 hierarchy that we may build in.
  struct V1 {
    std::vector<std::string> controllers;
    std::string base;  ///< absolute
    Tree tree;         ///< not valid() until needed
  };

  Trees() = default;

  /// |v2| tracks; limits are there or in |v1|.
  Trees(Owner owner, Tree v2, std::vector<V1> v1);

  /// |v1| alone: the tree of |tracking| is there and tracks. No tree at all when it is not valid().
  Trees(Owner owner, std::vector<V1> v1, std::size_t tracking);

  bool valid() const;
  bool has_v2() const { return v2_.valid(); }
  Tree& track() { return has_v2() ? v2_ : v1_[tracking_].tree; }
  const Tree& track() const { return has_v2() ? v2_ : v1_[tracking_].tree; }
  std::vector<V1>& v1() { return v1_; }
  const std::vector<V1>& v1() const { return v1_; }
  const Owner& owner() const { return owner_; }

  /// The directory that the v2 tree is in.
  std::string base() const;

  /// Where |controller| (as v2 names it) is; nothing when there is none that is ours to use.
  std::optional<Home> home(std::string_view controller) const;

  std::size_t tracking() const { return tracking_; }  ///< without v2: index into v1()

  /// Whether that is the hierarchy that tracks.
  bool tracks(const Home& home) const {
    return home.version == Version::kV2 || (!has_v2() && home.hierarchy == tracking_);
  }

  /// The tree there, made now if it is not.
  Result<Tree*> tree_in(const Home& home);

  /// Gives |controllers| of v2 to the children of |group|, level by level from the base down; to
  /// |group| itself only when |for_itself|.
  Status enable(const std::string& group, const std::vector<std::string>& controllers,
                bool for_itself);

  /// Whether there may be a tree of ours in v1()[|hierarchy|], made by us or by a process that we
  /// have forked.
  bool may_be_in(std::size_t hierarchy) const { return made_.may_be_set(hierarchy); }

  /// The words of the vocabulary that work here.
  std::vector<std::string> words() const;

 private:
  void try_out(const std::vector<std::string>& names);
  Result<Tree> make_in(std::size_t hierarchy) const;
  bool works_on_v1(const Word& word, std::size_t hierarchy, Tree& probe) const;
  bool works_on_v2(const Word& word) const;

  Owner owner_;
  Tree v2_;
  std::vector<std::string> v2_controllers_;
  std::vector<V1> v1_;
  Marks made_;  ///< by index into v1_
  std::size_t tracking_ = 0;
};

/// A v1 cpuset group starts without CPUs and memory nodes, and nobody can enter it: copies those of
/// the group above where it has none (cgroup-v1/cpusets.rst).
Status fill_cpuset(int dirfd);

}  // namespace contained::cgroup
