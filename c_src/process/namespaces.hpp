// Entering namespaces, between fork and exec.
//
// Those of users and processes are made by the fork itself, for they hold for a process from its
// start. The others are entered one by one, so that each refusal has its name; that of control
// groups only when the child is in its group, which becomes the root that it sees. Of the clocks of
// a time namespace one can say how they stand only as long as nobody is in it: it is made for the
// children first, and entered then.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "process/isolation.hpp"
#include "process/mounts.hpp"

namespace contained::process {

/// Of an Isolation, those that a fork makes.
inline constexpr Namespaces kMadeByFork = kNewUser | kNewPid;

/// What a plan points to.
struct NamespacesRoom {
  MountsRoom mounts;
  std::vector<std::string> time_offsets;  ///< at most one, the whole text
};

/// Points into the parent's memory, of which the child has its own copy.
struct NamespacesPlan {
  Namespaces enter = 0;                       ///< none of kMadeByFork
  const char* hostname = nullptr;             ///< null: that of the machine
  const char* netns = nullptr;                ///< file of a network namespace
  const std::string* time_offsets = nullptr;  ///< null: as they are
  MountsPlan mounts;                          ///< with kNewMount
};
static_assert(std::is_trivially_copyable_v<NamespacesPlan>);

NamespacesPlan namespaces_for(const Isolation& isolation, NamespacesRoom& room);

/// Enters all, or fails over the status pipe. A new network namespace gets its loopback interface
/// up, as bubblewrap does; there is no other. REQUIRES: called in the child, in its control group,
/// its ids mapped. The working directory is "/" when there are mounts.
void enter(const NamespacesPlan& plan) noexcept;

/// "pid" for kNewPid: the first by the order of kNamespaceNames. REQUIRES: one is set.
const char* first_name(Namespaces namespaces) noexcept;

}  // namespace contained::process
