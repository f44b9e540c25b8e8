#include "cgroup/places.hpp"

#include <fcntl.h>

#include <algorithm>

#include "base/file.hpp"
#include "cgroup/knobs.hpp"

namespace contained::cgroup {
namespace {

std::optional<Version> version_in(const Trees& trees, std::string_view controller) {
  const auto home = trees.home(controller);
  if (!home) return std::nullopt;
  return home->version;
}

bool has_cpuset(const Trees& trees, const Home& home) {
  if (home.version == Version::kV2) return false;
  const auto& names = trees.v1()[home.hierarchy].controllers;
  return std::find(names.begin(), names.end(), "cpuset") != names.end();
}

// The files of |controller| in the group, or the children of it.
Status enabled(Trees& trees, const std::string& group, std::string_view controller,
               bool for_itself) {
  if (controller == "cgroup") return Done{};
  return trees.enable(group, {std::string(controller)}, for_itself);
}

Result<Group> make_anew(Tree& tree, const std::string& group, const std::string& name) {
  auto made = tree.make_group(group, name);
  if (made || made.error().code != EEXIST) return made;
  const auto discarded = tree.discard(group, name);
  if (!discarded) return discarded.error();
  return tree.make_group(group, name);
}

}  // namespace

Result<const Group*> parent_in(Trees& trees, const Home& home, const std::string& group) {
  const auto tree = trees.tree_in(home);
  if (!tree) return tree.error();
  for (std::size_t end = group.find('/');; end = group.find('/', end + 1)) {
    auto parent = (*tree)->parent(group.substr(0, end));
    if (!parent) return parent;
    const auto filled = has_cpuset(trees, home) ? fill_cpuset((*parent)->fd()) : Status(Done{});
    if (!filled) return filled.error();
    if (end == std::string::npos) return parent;
  }
}

std::optional<Version> GroupPlace::version(std::string_view controller) const {
  return version_in(trees_, controller);
}

Result<int> GroupPlace::directory(std::string_view controller) {
  const auto home = trees_.home(controller);
  if (!home) return Error{ENOTSUP, Stage::kCgroup, std::string(controller)};
  const auto parent = parent_in(trees_, *home, group_);
  if (!parent) return parent.error();
  const int dirfd = (*parent)->fd();
  if (home->version == Version::kV1) return dirfd;
  const auto given = enabled(trees_, group_, controller, true);
  if (!given) return given.error();
  return dirfd;
}

std::optional<Version> CellPlace::version(std::string_view controller) const {
  return version_in(*cell_.trees_, controller);
}

Result<int> CellPlace::directory(std::string_view controller) {
  const auto home = cell_.trees_->home(controller);
  if (!home) return Error{ENOTSUP, Stage::kCgroup, std::string(controller)};
  auto& used = cell_.controllers_;
  if (std::find(used.begin(), used.end(), controller) == used.end()) used.emplace_back(controller);
  if (home->version == Version::kV1) return part_in(*home);
  const auto given = enabled(*cell_.trees_, cell_.parent_, controller, false);
  if (!given) return given.error();
  return cell_.track_.fd();
}

Result<int> CellPlace::part_in(const Home& home) {
  if (cell_.trees_->tracks(home)) return cell_.track_.fd();
  for (const auto& part : cell_.parts_) {
    if (part.hierarchy == home.hierarchy) return part.group.fd();
  }
  const auto parent = parent_in(*cell_.trees_, home, cell_.parent_);
  if (!parent) return parent.error();
  auto& v1 = cell_.trees_->v1()[home.hierarchy];
  auto made = make_anew(v1.tree, cell_.parent_, cell_.name());
  if (!made) return made.error();
  cell_.parts_.push_back({v1.controllers, std::move(*made), home.hierarchy, {}});
  auto& part = cell_.parts_.back();
  if (has_cpuset(*cell_.trees_, home)) {
    const auto filled = fill_cpuset(part.group.fd());
    if (!filled) return filled.error();
  }
  auto procs = open_at(part.group.fd(), kProcs, O_WRONLY, Stage::kCgroup);
  if (!procs) return procs.error();
  part.procs = std::move(*procs);
  return part.group.fd();
}

}  // namespace contained::cgroup
