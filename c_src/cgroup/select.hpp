// Which hierarchies a launcher works in: the best there are, or those it was told.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cgroup/ground.hpp"
#include "cgroup/trees.hpp"

namespace contained::cgroup {

/// The trees of a ground, made.
struct Selected {
  Kind kind = Kind::kBestEffort;
  Trees trees;
  Error why;  ///< of kBestEffort
};
Result<Selected> select(const Wanted& wanted, const Owner& owner);

/// The v1 hierarchies of |found| that we may build in: as root or owner of the directory. In each
/// that is |base| below the mountpoint if it is not empty and there, else our own group.
std::vector<Trees::V1> usable_v1(const std::vector<Hierarchy>& found, const std::string& base);

/// Whether there is a hierarchy of v1 with a controller, ours to use or not.
bool has_v1_controllers(const std::vector<Hierarchy>& found);

/// Moves the processes of our user from |base| into <base>/main, until none is left there or
/// nothing more can be moved. Controllers can then be enabled in |base|.
Status take_over(const std::string& base);

}  // namespace contained::cgroup
