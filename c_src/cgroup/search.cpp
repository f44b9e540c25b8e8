#include "cgroup/search.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/walk.hpp"

namespace contained::cgroup {
namespace {

constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr int kTreeDepth = 4;  // of parents, see valid_path()

struct Sought {
  uid_t uid;
  const Top& top;
  std::vector<Found>& found;
};

bool has_uid(int fd, uid_t uid) {
  struct stat info = {};
  return ::fstat(fd, &info) == 0 && info.st_uid == uid;
}

// The one that tracks comes first: of v2, or of v1's freezer.
void add_place(Found& tree, Address address) {
  const bool tracks = address.controllers.empty() || address.controllers.front() == kFreezer;
  tree.places.insert(tracks ? tree.places.begin() : tree.places.end(), std::move(address));
}

void add_tree(const Sought& sought, const Owner& owner, const std::string& path) {
  auto& found = sought.found;
  auto tree = std::find_if(found.begin(), found.end(),
                           [&](const Found& known) { return known.owner == owner; });
  if (tree == found.end()) tree = found.insert(found.end(), Found{owner, {}});
  add_place(*tree, {sought.top.controllers, path, 0, {}});
}

void search(const Sought& sought, int dirfd, const std::string& path, int depth) {
  if (depth == 0) return;
  for (const auto& name : subgroups_of(dirfd)) {
    const auto child = open_at(dirfd, name, kFlags);
    if (!child) continue;
    const auto below = fmt::format("{}/{}", path, name);
    const auto owner = parse_tree_name(name);
    if (!owner) {
      search(sought, child->get(), below, depth - 1);
    } else if (has_uid(child->get(), sought.uid)) {
      add_tree(sought, *owner, below);
    }
  }
}

// By its name a group knows that it can freeze.
std::vector<std::string> freezer_first(std::vector<std::string> controllers) {
  const auto freezer = std::find(controllers.begin(), controllers.end(), kFreezer);
  if (freezer != controllers.end()) std::iter_swap(controllers.begin(), freezer);
  return controllers;
}

// One of its groups in one hierarchy; |dirfd| is its directory.
void add_part(const Address& tree, int dirfd, Occupied& group) {
  struct stat info = {};
  if (::fstat(dirfd, &info) != 0) return;
  group.places.push_back({tree.controllers, tree.path + "/" + group.name, info.st_ino, {}});
  add_brief(dirfd, tree.controllers, group.stats);
}

Occupied look_at(const Found& tree, int dirfd, std::string name) {
  Occupied group{std::move(name), {}, processes_below(dirfd), {}};
  add_part(tree.places.front(), dirfd, group);
  for (std::size_t next = 1; next < tree.places.size(); ++next) {
    const auto& place = tree.places[next];
    const auto beside = open_at(AT_FDCWD, place.path + "/" + group.name, kFlags);
    if (beside) add_part(place, beside->get(), group);
  }
  return group;
}

bool is_occupied(int dirfd) {
  const auto members = read_brief_at(dirfd, kProcs);
  return members && !members->empty();
}

void collect(const Found& tree, int dirfd, const std::string& above, int depth,
             std::vector<Occupied>& found) {
  for (const auto& name : subgroups_of(dirfd)) {
    const auto child = open_at(dirfd, name, kFlags);
    if (!child) continue;
    const auto below = above + name;
    if (is_occupied(child->get())) {
      found.push_back(look_at(tree, child->get(), below));
    } else if (depth > 0) {
      collect(tree, child->get(), below + "/", depth - 1, found);
    }
  }
}

}  // namespace

std::vector<Found> find_trees(const std::vector<Top>& tops, uid_t uid) {
  std::vector<Found> found;
  for (const auto& top : tops) {
    const auto directory = open_at(AT_FDCWD, top.path, kFlags);
    if (directory) search({uid, top, found}, directory->get(), top.path, kListedDepth);
  }
  return found;
}

std::vector<Found> find_trees(uid_t uid) {
  std::vector<Top> tops;
  if (const auto layout = find_layout()) tops.push_back({{}, layout->mountpoint});
  if (const auto v1 = find_v1()) {
    for (const auto& one : *v1) tops.push_back({freezer_first(one.controllers), one.mountpoint});
  }
  return find_trees(tops, uid);
}

std::vector<Occupied> occupied_in(const Found& tree) {
  std::vector<Occupied> found;
  const auto directory = open_at(AT_FDCWD, tree.places.front().path, kFlags);
  if (directory) collect(tree, directory->get(), {}, kTreeDepth, found);
  return found;
}

}  // namespace contained::cgroup
