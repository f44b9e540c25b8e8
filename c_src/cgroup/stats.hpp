// What the kernel has counted for a group, in one vocabulary for both versions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cgroup/group.hpp"
#include "cgroup/limits.hpp"

namespace contained::cgroup {

/// What one command has used; only what is known.
struct Usage {
  std::optional<CpuTime> cpu;
  std::optional<std::uint64_t> memory_peak;  ///< bytes
  std::optional<std::uint64_t> oom_kills;
  std::optional<std::uint64_t> io_read;  ///< bytes
  std::optional<std::uint64_t> io_written;
  std::optional<std::uint64_t> pids_peak;
  std::vector<std::string> limits_hit;
};

/// cpu_usage_us, cpu_user_us, cpu_system_us, cpu_throttled, cpu_throttled_us; memory_current,
/// memory_peak, memory_swap, memory_oom, memory_oom_kill, memory_max_events, memory_high_events;
/// pids_current, pids_peak, pids_max_events; io_read_bytes, io_written_bytes, io_reads, io_writes;
/// populated, frozen.
using Stats = std::vector<std::pair<std::string, std::uint64_t>>;

/// Adds what the group |dirfd| counts by |controller| (v2's name; "cpuacct" is v1's alone). Of a
/// group that served before (|renewed|) only what is of now, not what has summed up.
void add_stats(int dirfd, std::string_view controller, Version version, bool renewed, Stats& stats);

/// What a table of many groups shows, read from as few files as that takes: cpu_usage_us,
/// memory_current, memory_limit (of this very group), io_read_bytes, io_written_bytes. What is
/// there already stays. |controllers|: of a v1 hierarchy; of v2 none.
void add_brief(int dirfd, const std::vector<std::string>& controllers, Stats& stats);

/// Which limits have held it back: "memory" (pages had to be reclaimed, or it was killed), "pids"
/// (a fork was refused), "cpu" (it was throttled).
std::vector<std::string> limits_hit(const Stats& stats);

/// The value called |name|.
std::optional<std::uint64_t> find(const Stats& stats, std::string_view name);

/// The sums over all devices of io.stat: {rbytes, wbytes, rios, wios}.
Stats parse_io_stat(std::string_view text);

/// The sums of Read and Write of a blkio file "8:0 Read 4096", under these two names.
Stats parse_blkio(std::string_view text, std::string_view read, std::string_view write);

}  // namespace contained::cgroup
