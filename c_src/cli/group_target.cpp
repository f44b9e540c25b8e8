#include "cli/group_target.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/file.hpp"
#include "cgroup/controllers.hpp"
#include "cgroup/layout.hpp"
#include "cli/units.hpp"

namespace contained::cli {
namespace {

Error no_group(int code, const std::string& subject) { return {code, Stage::kCgroup, subject}; }

// A hierarchy with what of it we see.
struct Place {
  std::string mountpoint;
  std::string own;
  std::vector<std::string> controllers;  ///< of v1; none: v2
};

std::vector<Place> all_places() {
  std::vector<Place> places;
  if (const auto layout = cgroup::find_layout()) {
    places.push_back({layout->mountpoint, layout->own, {}});
  }
  auto found = cgroup::find_v1();
  if (!found) return places;
  for (auto& one : *found) {
    const bool freezer = one.controllers.front() == "freezer";
    Place place{one.mountpoint, one.own, std::move(one.controllers)};
    places.insert(freezer && places.empty() ? places.begin() : places.end(), std::move(place));
  }
  return places;
}

bool lies_below(const std::string& path, const std::string& mountpoint) {
  return path.size() > mountpoint.size() + 1 && path.starts_with(mountpoint + "/");
}

const Place* place_of(const std::vector<Place>& places, const std::string& path) {
  const Place* best = nullptr;
  for (const auto& place : places) {
    const bool longer = best == nullptr || place.mountpoint.size() > best->mountpoint.size();
    if (lies_below(path, place.mountpoint) && longer) best = &place;
  }
  return best;
}

bool is_directory_of_groups(const std::string& path) {
  struct statfs info = {};
  if (::statfs(path.c_str(), &info) != 0) return false;
  return info.f_type == CGROUP2_SUPER_MAGIC || info.f_type == CGROUP_SUPER_MAGIC;
}

cgroup::Address address_of(const Place& place, const std::string& path) {
  cgroup::Address address;
  address.path = path;
  address.controllers = place.controllers;
  const auto fd = open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY);
  if (fd && place.controllers.empty()) {
    address.controllers = cgroup::listed(fd->get(), "cgroup.controllers");
  }
  return address;
}

// What is the same of one of our groups in all hierarchies: "contained-.../default/1".
std::string common_part(const std::string& path) {
  const auto at = path.find("/contained-");
  return at == std::string::npos ? std::string() : path.substr(at);
}

std::vector<cgroup::Address> with_companions(const std::vector<Place>& places, const Place& first,
                                             const std::string& path) {
  std::vector<cgroup::Address> addresses = {address_of(first, path)};
  const auto common = common_part(path);
  if (common.empty()) return addresses;
  for (const auto& place : places) {
    const auto other = place.own + common;
    if (&place != &first && is_directory_of_groups(other)) {
      addresses.push_back(address_of(place, other));
    }
  }
  return addresses;
}

// Where the process is, in the hierarchy that tracks.
Result<std::string> path_of_process(const std::vector<Place>& places, const std::string& pid) {
  auto text = read_file_at(AT_FDCWD, "/proc/" + pid + "/cgroup");
  if (!text) return no_group(text.error().code == ENOENT ? ESRCH : text.error().code, pid);
  if (places.empty()) return no_group(ENODEV, pid);
  const auto& place = places.front();
  const auto hierarchy = place.controllers.empty() ? std::string() : place.controllers.front();
  auto path = cgroup::parse_path(*text, hierarchy);
  if (!path) return no_group(path.error().code, pid);
  // The mount may show another root than "/": our own place in both tells where it is.
  const auto self = read_file_at(AT_FDCWD, "/proc/self/cgroup");
  const auto ours = self ? cgroup::parse_path(*self, hierarchy) : self.error();
  if (!ours) return no_group(ENOENT, pid);
  auto root = place.own;
  if (*ours != "/" && root.ends_with(*ours)) root.erase(root.size() - ours->size());
  return *path == "/" ? root : root + *path;
}

}  // namespace

Result<std::vector<cgroup::Address>> find_group(const std::string& target) {
  const auto places = all_places();
  std::string path = target;
  if (parse_number<int>(target)) {
    auto found = path_of_process(places, target);
    if (!found) return found.error();
    path = *found;
  } else if (!target.starts_with('/') && !places.empty()) {
    path = places.front().mountpoint + "/" + target;
  }
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  if (error) return no_group(error.value(), target);
  path = real.string();
  const auto* const place = place_of(places, path);
  if (place == nullptr || !is_directory_of_groups(path)) return no_group(EINVAL, target);
  return with_companions(places, *place, path);
}

}  // namespace contained::cli
