// Which controllers a v2 group can give to its children, and giving them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace contained::cgroup {

/// The words of |file| (cgroup.controllers or cgroup.subtree_control) of |dirfd|; none on failure.
std::vector<std::string> listed(int dirfd, const char* file);

/// The controllers that the children of |dirfd| have, or can be given by us: the file is ours to
/// write and no process stands in the way ("no internal processes", cgroup-v2.rst; the root is
/// exempt).
std::vector<std::string> usable_controllers(int dirfd);

/// Gives |wanted| to the children of |dirfd|: all at once, and when that fails one by one. EBUSY is
/// tried again for some milliseconds: a process that has just left still counts. The first failure
/// is the error, its subject the controller.
Status enable(int dirfd, const std::vector<std::string>& wanted);

}  // namespace contained::cgroup
