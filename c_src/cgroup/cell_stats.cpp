// What a cell has used when it ends.
#include "cgroup/cell.hpp"
#include "cgroup/trees.hpp"

namespace contained::cgroup {
namespace {

std::optional<CpuTime> cpu_of(const Stats& stats) {
  const auto user = find(stats, "cpu_user_us");
  const auto system = find(stats, "cpu_system_us");
  if (!user || !system) return std::nullopt;
  return CpuTime{*user, *system};
}

}  // namespace

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
  usage.limits_hit = limits_hit(stats);
  return usage;
}

}  // namespace contained::cgroup
