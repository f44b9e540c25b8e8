#include "job/plot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.hpp"
#include "cgroup/group.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/select.hpp"

namespace contained::job {
namespace {

constexpr char kKeepers[] = "keepers";

std::string directory_name(const std::string& name) { return "contained-jobs-" + name; }

// What limits need; each by itself: one that cannot be had keeps no other away.
void give_controllers(int base) {
  const auto there = read_brief_at(base, cgroup::kControllers);
  if (!there) return;
  for (const char* name : {"cpu", "cpuset", "io", "memory", "pids"}) {
    const auto words = fmt::format(" {} ", there->substr(0, there->find('\n')));
    if (words.find(fmt::format(" {} ", name)) == words.npos) continue;
    (void)write_file_at(base, cgroup::kSubtreeControl, fmt::format("+{}", name));
  }
}

// Not the files that set limits: those of the plot itself stay with whoever gives it.
Status hand_over(int directory, const std::string& path, const Heir& heir) {
  for (const char* file : {cgroup::kProcs, cgroup::kThreads, cgroup::kSubtreeControl}) {
    if (::fchownat(directory, file, heir.uid, heir.gid, AT_SYMLINK_NOFOLLOW) < 0 &&
        errno != ENOENT) {
      return Error::last(Stage::kCgroup, path);
    }
  }
  if (::fchown(directory, heir.uid, heir.gid) < 0) return Error::last(Stage::kCgroup, path);
  return Done{};
}

Result<Plot> settle(Plot plot, const Heir& heir, bool fresh) {
  const auto directory = open_at(AT_FDCWD, plot.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return directory.error();
  struct stat info = {};
  if (::fstat(directory->get(), &info) < 0) return Error::last(Stage::kCgroup, plot.path);
  if (info.st_uid == heir.uid) return plot;
  if (!fresh) return Error{EEXIST, Stage::kCgroup, plot.path};
  const auto given = hand_over(directory->get(), plot.path, heir);
  if (given) return plot;
  (void)::rmdir(plot.path.c_str());
  return given.error();
}

Result<Plot> make_in(const std::string& base, const std::string& name, const Heir& heir,
                     std::string hierarchy) {
  const auto above = open_at(AT_FDCWD, base, O_RDONLY | O_DIRECTORY, Stage::kCgroup);
  if (!above) return above.error();
  if (hierarchy.empty()) give_controllers(above->get());
  Plot plot{fmt::format("{}/{}", base == "/" ? "" : base, directory_name(name)),
            std::move(hierarchy)};
  const bool fresh = ::mkdirat(above->get(), directory_name(name).c_str(), 0755) == 0;
  if (!fresh && errno != EEXIST) return Error::last(Stage::kCgroup, plot.path);
  return settle(std::move(plot), heir, fresh);
}

Result<Plot> make_v1(const std::string& name, const Heir& heir, const std::string& base) {
  const auto found = cgroup::find_v1();
  if (!found) return found.error();
  for (const auto& place : cgroup::usable_v1(*found, base)) {
    const auto& names = place.controllers;
    if (std::find(names.begin(), names.end(), cgroup::kFreezer) == names.end()) continue;
    if (heir.uid != ::geteuid()) return Error{ENOTSUP, Stage::kCgroup, place.base};
    return make_in(place.base, name, heir, cgroup::kFreezer);
  }
  return Error{ENODEV, Stage::kCgroup, cgroup::kFreezer};
}

Result<cgroup::Group> open(const Plot& plot) {
  if (plot.path.empty()) return Error{ENOENT, Stage::kCgroup, {}};
  return cgroup::Group::at(plot.path, plot.hierarchy);
}

}  // namespace

Result<Plot> make_plot(const std::string& name, const Heir& heir, const std::string& base) {
  const auto layout = cgroup::find_layout();
  if (!layout && layout.error().code == ENODEV) return make_v1(name, heir, base);
  if (!layout) return layout.error();
  const auto chosen = cgroup::choose_base(*layout, base);
  if (!chosen) return chosen.error();
  return make_in(*chosen, name, heir, {});
}

bool is_usable(const Plot& plot) {
  const auto group = open(plot);
  return group && ::faccessat(group->fd(), ".", W_OK, AT_EACCESS) == 0 &&
         ::faccessat(group->fd(), cgroup::kProcs, F_OK, 0) == 0;
}

Status enter(const Plot& plot) {
  const auto group = open(plot);
  if (!group) return group.error();
  if (::mkdirat(group->fd(), kKeepers, 0755) < 0 && errno != EEXIST) {
    return Error::last(Stage::kCgroup, plot.path);
  }
  return write_file_at(group->fd(), fmt::format("{}/{}", kKeepers, cgroup::kProcs), "0");
}

bool is_populated(const Plot& plot) {
  const auto group = open(plot);
  if (!group) return false;
  const auto populated = group->populated();
  return populated && *populated;
}

Status remove(const Plot& plot) {
  if (is_populated(plot)) return Error{EBUSY, Stage::kCgroup, plot.path};
  const auto keepers = fmt::format("{}/{}", plot.path, kKeepers);
  for (const auto& path : {keepers, plot.path}) {
    if (::rmdir(path.c_str()) < 0 && errno != ENOENT) return Error::last(Stage::kCgroup, path);
  }
  return Done{};
}

}  // namespace contained::job
