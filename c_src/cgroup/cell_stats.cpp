// What a cell has used.
#include <algorithm>

#include "cgroup/cell.hpp"
#include "cgroup/trees.hpp"

namespace contained::cgroup {
namespace {

constexpr std::string_view kCounting[] = {"cpu", "memory", "pids", "io"};

std::optional<CpuTime> cpu_of(const Stats& stats) {
  const auto user = find(stats, "cpu_user_us");
  const auto system = find(stats, "cpu_system_us");
  if (!user || !system) return std::nullopt;
  return CpuTime{*user, *system};
}

}  // namespace

bool Cell::counts(std::string_view controller) const {
  return std::find(controllers_.begin(), controllers_.end(), controller) != controllers_.end();
}

Stats Cell::counted(bool all) {
  Stats stats;
  if (!track_.is_v1()) {
    for (const auto controller : kCounting) {
      const bool asked = all || counts(controller);
      if (asked) add_stats(track_.fd(), controller, Version::kV2, track_.renewed(), stats);
    }
  }
  const auto add_v1 = [&](std::size_t hierarchy, int dirfd) {
    for (const auto& name : trees_->v1()[hierarchy].controllers) {
      add_stats(dirfd, controller_name(name, Version::kV2), Version::kV1, track_.renewed(), stats);
    }
  };
  if (track_.is_v1()) add_v1(trees_->tracking(), track_.fd());
  for (const auto& part : parts_) add_v1(part.hierarchy, part.group.fd());
  return stats;
}

// Events that the kernel counts in this group alone and not in those above it: all of v1's, and
// the refused forks on v2 before Linux 6.11.
Stats Cell::local_counts() {
  Stats counts;
  if (parts_.empty() && controllers_.empty()) return counts;
  const auto memory = trees_->home("memory");
  const bool memory_on_v2 = memory && memory->version == Version::kV2;
  for (auto& entry : counted(false)) {
    const bool is_memory = entry.first == "memory_oom_kill" || entry.first == "memory_max_events";
    const bool local = entry.first == "pids_max_events" || (is_memory && !memory_on_v2);
    if (local && entry.second > 0) counts.push_back(std::move(entry));
  }
  return counts;
}

Result<Usage> Cell::usage() {
  if (!valid()) return Usage{};
  Usage usage;
  const auto stats = controllers_.empty() && !track_.is_v1() ? Stats() : counted(false);
  if (track_.is_v1()) {
    usage.cpu = cpu_of(stats);
  } else {
    const auto cpu = track_.cpu_time();
    if (!cpu) return cpu.error();
    usage.cpu = *cpu;
  }
  usage.memory_peak = find(stats, "memory_peak");
  usage.oom_kills = find(stats, "memory_oom_kill");
  usage.io_read = find(stats, "io_read_bytes");
  usage.io_written = find(stats, "io_written_bytes");
  usage.pids_peak = find(stats, "pids_peak");
  return usage;
}

Result<Stats> Cell::stats() {
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
  const auto busy = populated();
  if (busy) stats.emplace_back("populated", *busy ? 1 : 0);
  const auto still = frozen();
  if (still) stats.emplace_back("frozen", *still ? 1 : 0);
  return stats;
}

}  // namespace contained::cgroup
