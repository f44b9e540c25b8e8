#include "cgroup/rescue.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <vector>

#include "cgroup/layout.hpp"
#include "cgroup/tree.hpp"

namespace contained::cgroup {
namespace {

bool lies_below(const std::string& directory, const std::string& mountpoint) {
  return directory.starts_with(mountpoint + "/") || directory == mountpoint;
}

// |base| as it is called below its own mountpoint: the launcher was told it so, or not at all.
std::string name_of_base(const std::vector<Hierarchy>& v1, const std::string& base) {
  for (const auto& hierarchy : v1) {
    if (lies_below(base, hierarchy.mountpoint)) return base.substr(hierarchy.mountpoint.size());
  }
  const auto layout = find_layout();
  const bool in_v2 = layout && lies_below(base, layout->mountpoint);
  return in_v2 ? base.substr(layout->mountpoint.size()) : std::string();
}

// Like usable_v1() of select.hpp: the base of that name, or our own group.
std::set<std::string> bases_in(const Hierarchy& hierarchy, const std::string& base) {
  std::set<std::string> bases = {hierarchy.mountpoint + base};
  if (!hierarchy.own.empty()) bases.insert(hierarchy.own);
  return bases;
}

bool is_there(const std::string& base, const std::string& name) {
  return ::access((base + "/" + name).c_str(), F_OK) == 0;
}

}  // namespace

Result<bool> kill_trees(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto name = path.substr(slash + 1);
  if (slash == std::string::npos || !parse_tree_name(name)) {
    return Error{EINVAL, Stage::kCgroup, path};
  }
  const auto base = path.substr(0, slash);
  const auto v1 = find_v1();
  const auto hierarchies = v1 ? *v1 : std::vector<Hierarchy>();
  const auto v2 = is_v2(base);
  auto gone = v2 && *v2 ? sweep(base, name) : Result<bool>(true);
  const auto shown = name_of_base(hierarchies, base);
  for (const auto& hierarchy : hierarchies) {
    for (const auto& candidate : bases_in(hierarchy, shown)) {
      if (!is_there(candidate, name)) continue;
      const auto swept = sweep(candidate, name, hierarchy.controllers.front());
      if (!swept || !*swept) gone = swept;
    }
  }
  return gone;
}

}  // namespace contained::cgroup
