// What a crowd has used, and what it may.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.hpp"
#include "cgroup/crowd.hpp"
#include "cgroup/held.hpp"
#include "cgroup/in_force.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/walk.hpp"

namespace contained::cgroup {
namespace {

constexpr std::string_view kAllControllers[] = {"cpu", "memory", "pids", "io"};

std::uint64_t count_in(int dirfd, std::string_view controller, Version version,
                       std::string_view name) {
  Stats stats;
  add_stats(dirfd, controller, version, false, stats);
  return find(stats, name).value_or(0);
}

void put(Stats& stats, std::string_view name, std::uint64_t value) {
  const auto found = std::find_if(stats.begin(), stats.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found != stats.end()) found->second = value;
}

Stats cpu_stats(int dirfd) {
  const auto text = read_brief_at(dirfd, kCpuStat);
  if (!text) return {};
  const auto cpu = parse_cpu_stat(*text);
  return {{"cpu_usage_us", cpu.user_us + cpu.system_us},
          {"cpu_user_us", cpu.user_us},
          {"cpu_system_us", cpu.system_us}};
}

}  // namespace

// v1 counts events in the group where they happen alone; so did v2 the refused forks before Linux
// 6.11. Cells that are gone have left theirs behind.
std::uint64_t Crowd::counted(std::string_view controller, std::string_view name) const {
  const auto home = held_->trees.home(controller);
  const auto* const group = group_of(controller);
  if (!home || group == nullptr) return 0;
  auto sum = count_in(group->fd(), controller, home->version, name);
  if (home->version == Version::kV2 && controller == "memory") return sum;
  for_each_below(group->fd(),
                 [&](int dirfd) { sum += count_in(dirfd, controller, home->version, name); });
  const auto past = held_->past.find(group_);
  if (past == held_->past.end()) return sum;
  const auto found = past->second.find(std::string(name));
  return found == past->second.end() ? sum : sum + found->second;
}

Crowd::Events Crowd::events() const {
  return {counted("memory", "memory_oom_kill"), counted("memory", "memory_max_events"),
          counted("pids", "pids_max_events")};
}

std::vector<Crowd::MemoryGroup> Crowd::memory_groups(bool below) const {
  std::vector<MemoryGroup> all;
  const auto home = held_->trees.home("memory");
  const auto* const group = group_of("memory");
  if (!home || home->version != Version::kV1 || group == nullptr) return all;
  const auto add = [&](int dirfd) {
    struct stat info = {};
    UniqueFd copy(::fcntl(dirfd, F_DUPFD_CLOEXEC, 0));
    if (copy && ::fstat(dirfd, &info) == 0) all.push_back({info.st_ino, std::move(copy)});
  };
  add(group->fd());
  if (below) for_each_below(group->fd(), add);
  return all;
}

Result<Stats> Crowd::stats() const {
  if (!exists()) return missing();
  Stats stats;
  for (const auto& place : places()) {
    const int dirfd = place.group->fd();
    if (place.version == Version::kV2) {
      stats = cpu_stats(dirfd);
      for (const auto name : kAllControllers) add_stats(dirfd, name, Version::kV2, false, stats);
      continue;
    }
    Stats more;
    for (const auto& name : held_->trees.v1()[place.hierarchy].controllers) {
      add_stats(dirfd, controller_name(name, Version::kV2), Version::kV1, false, more);
    }
    for (const auto& entry : more) {
      if (!find(stats, entry.first)) stats.push_back(entry);
    }
  }
  const auto sums = events();
  put(stats, "memory_oom_kill", sums.oom_kills);
  put(stats, "memory_max_events", sums.memory_max);
  put(stats, "pids_max_events", sums.pids_max);
  const auto busy = populated();
  if (busy) stats.emplace_back("populated", *busy ? 1 : 0);
  const auto still = frozen();
  if (still) stats.emplace_back("frozen", *still ? 1 : 0);
  return stats;
}

Result<std::vector<Limit>> Crowd::limits() const {
  if (!exists()) return missing();
  std::vector<Limit> limits;
  std::vector<std::string_view> seen;
  for (const auto& word : vocabulary()) {
    const auto home = held_->trees.home(word.controller);
    const auto* const group = group_of(word.controller);
    if (!home || group == nullptr) continue;
    if (std::find(seen.begin(), seen.end(), word.controller) != seen.end()) continue;
    seen.push_back(word.controller);
    const auto found = limits_in_force(group->fd(), word.controller, home->version);
    limits.insert(limits.end(), found.begin(), found.end());
  }
  return limits;
}

}  // namespace contained::cgroup
