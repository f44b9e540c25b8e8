#include "job/plot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/file.hpp"
#include "cgroup/controllers.hpp"
#include "cgroup/group.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/select.hpp"
#include "cgroup/text.hpp"

namespace contained::job {
namespace {

constexpr char kKeepers[] = "keepers";

std::string directory_name(const std::string& name) { return "contained-jobs-" + name; }

// What limits need. Not where processes are: the kernel would let some controllers be given there,
// and nobody enter what is below (cgroup-v2.rst, "Threads": the children's domains are invalid).
void give_controllers(int base) {
  auto wanted = cgroup::usable_controllers(base);
  constexpr std::array kOfLimits = {"cpu", "cpuset", "io", "memory", "pids"};
  std::erase_if(wanted, [&](const std::string& name) { return !cgroup::has(kOfLimits, name); });
  (void)cgroup::enable(base, wanted);
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

Result<Plot> make(Plot plot, const Heir& heir) {
  const auto slash = plot.path.rfind('/');
  const auto base = plot.path.substr(0, std::max<std::size_t>(slash, 1));
  const auto name = plot.path.substr(slash + 1);
  const auto above = open_at(AT_FDCWD, base, O_RDONLY | O_DIRECTORY, Stage::kCgroup);
  if (!above) return above.error();
  if (plot.hierarchy.empty()) give_controllers(above->get());
  const bool fresh = ::mkdirat(above->get(), name.c_str(), 0755) == 0;
  if (!fresh && errno != EEXIST) return Error::last(Stage::kCgroup, plot.path);
  return settle(std::move(plot), heir, fresh);
}

std::string path_in(const std::string& base, const std::string& name) {
  return fmt::format("{}/{}", base == "/" ? "" : base, directory_name(name));
}

Result<Plot> choose_v1(const std::string& name, const std::string& base) {
  const auto found = cgroup::find_v1();
  if (!found) return found.error();
  for (const auto& place : cgroup::usable_v1(*found, base)) {
    const auto& names = place.controllers;
    if (std::find(names.begin(), names.end(), cgroup::kFreezer) == names.end()) continue;
    return Plot{path_in(place.base, name), cgroup::kFreezer};
  }
  return Error{ENODEV, Stage::kCgroup, cgroup::kFreezer};
}

Result<Plot> choose(const std::string& name, const std::string& base) {
  const auto layout = cgroup::find_layout();
  if (!layout && layout.error().code == ENODEV) return choose_v1(name, base);
  if (!layout) return layout.error();
  const auto chosen = cgroup::choose_base(*layout, base);
  if (!chosen) return chosen.error();
  return Plot{path_in(*chosen, name), {}};
}

Result<cgroup::Group> open(const Plot& plot) {
  if (plot.path.empty()) return Error{ENOENT, Stage::kCgroup, {}};
  return cgroup::Group::at(plot.path, plot.hierarchy);
}

}  // namespace

Result<Plot> make_plot(const std::string& name, const Heir& heir, const std::string& base) {
  auto plot = choose(name, base);
  if (!plot) return plot;
  const bool given_away = heir.uid != ::geteuid();
  if (!plot->hierarchy.empty() && given_away) return Error{ENOTSUP, Stage::kCgroup, plot->path};
  return make(std::move(*plot), heir);
}

Plot find_plot(const std::string& name) {
  auto plot = choose(name, {});
  return plot && is_usable(*plot) ? std::move(*plot) : Plot{};
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
