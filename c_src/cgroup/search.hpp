// What launchers have on this machine, for who is none of them: their trees, wherever these are,
// and the groups of their commands.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "cgroup/quarters.hpp"
#include "cgroup/tree.hpp"

namespace contained::cgroup {

/// A launcher's tree: its directory in the hierarchy that tracks, and those of v1 beside it.
struct Found {
  Owner owner;
  std::vector<Address> places;  ///< the first one tracks
};

/// The trees of |uid| in all hierarchies that are mounted here. Nothing below a tree is looked at.
std::vector<Found> find_trees(uid_t uid);

/// The same in directories: that of v2 (empty: none) and those of v1 hierarchies.
struct Top {
  std::vector<std::string> controllers;  ///< of v1; none: v2
  std::string path;                      ///< absolute
};
std::vector<Found> find_trees(const std::vector<Top>& tops, uid_t uid);

/// A group in a tree with members of its own.
struct Occupied {
  std::string name;              ///< in the tree: "default/7"
  std::vector<Address> places;   ///< for Quarters::open()
  std::vector<pid_t> processes;  ///< in it and below
  Stats stats;                   ///< of add_brief()
};

/// Those of a tree. What a member has made below its own group is not told apart from it.
std::vector<Occupied> occupied_in(const Found& tree);

}  // namespace contained::cgroup
