// What has been counted for a command.
#include "cgroup/knobs.hpp"
#include "cgroup/quarters.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

constexpr std::string_view kCounting[] = {"cpu", "memory", "pids", "io"};

}  // namespace

// Those that its group has.
std::vector<std::string> Quarters::controllers_of_v2() const {
  std::vector<std::string> names;
  const auto text = track_.read(kControllers);
  if (!text) return names;
  for (const auto name : split(*text, ' ')) names.emplace_back(name);
  return names;
}

Stats Quarters::counted(bool all) {
  Stats stats;
  const bool renewed = track_.renewed();
  if (!track_.is_v1()) {
    const auto here = all ? controllers_of_v2() : controllers_;
    for (const auto controller : kCounting) {
      if (has(here, controller)) {
        add_stats(track_.fd(), controller, Version::kV2, renewed, stats);
      }
    }
  }
  const auto add_v1 = [&](const std::vector<std::string>& controllers, int dirfd) {
    for (const auto& name : controllers) {
      add_stats(dirfd, controller_name(name, Version::kV2), Version::kV1, renewed, stats);
    }
  };
  if (track_.is_v1()) add_v1(track_controllers_, track_.fd());
  for (const auto& part : parts_) add_v1(part.controllers, part.group.fd());
  return stats;
}

Result<Stats> Quarters::stats() {
  if (!valid()) return Error{ENOTSUP, Stage::kCgroup, "best_effort"};
  Stats stats;
  if (!track_.is_v1()) {
    const auto cpu = track_.cpu_time();
    if (!cpu) return cpu.error();
    stats = {{"cpu_usage_us", cpu->user_us + cpu->system_us},
             {"cpu_user_us", cpu->user_us},
             {"cpu_system_us", cpu->system_us}};
  }
  const auto more = counted(true);
  for (const auto& entry : more) {
    if (!find(stats, entry.first)) stats.push_back(entry);
  }
  auto [busy, still] = track_.state();
  if (busy && !*busy && !parts_.empty()) {
    const auto beside = populated();
    if (beside) busy = *beside;
  }
  if (busy) stats.emplace_back("populated", *busy ? 1 : 0);
  if (still) stats.emplace_back("frozen", *still ? 1 : 0);
  return stats;
}

Stats Quarters::brief() const {
  Stats stats;
  if (!valid()) return stats;
  add_brief(track_.fd(), track_controllers_, stats);
  for (const auto& part : parts_) add_brief(part.group.fd(), part.controllers, stats);
  return stats;
}

}  // namespace contained::cgroup
