#include "cgroup/stats.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

// A number of a file: the file's whole text, or what stands behind a key.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the order in which its rows are read
struct Source {
  std::string_view controller;
  Version version;
  const char* file;
  std::string_view key;  ///< empty: the whole text
  std::string_view name;
  std::uint64_t divisor;  ///< v1 counts CPU time in nanoseconds
  bool sums;              ///< counts since the group was made
};

constexpr char kBlkioBytes[] = "blkio.throttle.io_service_bytes_recursive";
constexpr auto kV1 = Version::kV1;
constexpr auto kV2 = Version::kV2;
constexpr Source kSources[] = {
    {"cpu", kV2, "cpu.stat", "nr_throttled", "cpu_throttled", 1, true},
    {"cpu", kV2, "cpu.stat", "throttled_usec", "cpu_throttled_us", 1, true},
    {"cpu", kV1, "cpu.stat", "nr_throttled", "cpu_throttled", 1, true},
    {"cpu", kV1, "cpu.stat", "throttled_time", "cpu_throttled_us", 1000, true},
    {"cpuacct", kV1, "cpuacct.usage", "", "cpu_usage_us", 1000, true},
    {"cpuacct", kV1, "cpuacct.usage_user", "", "cpu_user_us", 1000, true},
    {"cpuacct", kV1, "cpuacct.usage_sys", "", "cpu_system_us", 1000, true},
    {"memory", kV2, "memory.current", "", "memory_current", 1, false},
    {"memory", kV2, "memory.peak", "", "memory_peak", 1, true},
    {"memory", kV2, "memory.swap.current", "", "memory_swap", 1, false},
    {"memory", kV2, "memory.events", "oom", "memory_oom", 1, true},
    {"memory", kV2, "memory.events", "oom_kill", "memory_oom_kill", 1, true},
    {"memory", kV2, "memory.events", "max", "memory_max_events", 1, true},
    {"memory", kV2, "memory.events", "high", "memory_high_events", 1, true},
    {"memory", kV1, "memory.usage_in_bytes", "", "memory_current", 1, false},
    {"memory", kV1, "memory.max_usage_in_bytes", "", "memory_peak", 1, true},
    {"memory", kV1, "memory.stat", "swap", "memory_swap", 1, false},
    {"memory", kV1, "memory.oom_control", "oom_kill", "memory_oom_kill", 1, true},
    {"memory", kV1, "memory.failcnt", "", "memory_max_events", 1, true},
    {"pids", kV2, "pids.current", "", "pids_current", 1, false},
    {"pids", kV2, "pids.peak", "", "pids_peak", 1, true},
    {"pids", kV2, "pids.events", "max", "pids_max_events", 1, true},
    {"pids", kV1, "pids.current", "", "pids_current", 1, false},
    {"pids", kV1, "pids.peak", "", "pids_peak", 1, true},
    {"pids", kV1, "pids.events", "max", "pids_max_events", 1, true}};

void add(Stats& stats, const Stats& more) { stats.insert(stats.end(), more.begin(), more.end()); }

void add_io(int dirfd, Version version, Stats& stats) {
  if (version == kV2) {
    const auto text = read_file_at(dirfd, "io.stat");
    if (text) add(stats, parse_io_stat(*text));
    return;
  }
  const auto bytes = read_file_at(dirfd, kBlkioBytes);
  if (bytes) add(stats, parse_blkio(*bytes, "io_read_bytes", "io_written_bytes"));
  const auto operations = read_file_at(dirfd, "blkio.throttle.io_serviced_recursive");
  if (operations) add(stats, parse_blkio(*operations, "io_reads", "io_writes"));
}

void add_new(Stats& stats, std::string_view name, std::optional<std::uint64_t> value) {
  if (value && !find(stats, name)) stats.emplace_back(name, *value);
}

// The number in a file; "max" is none.
std::optional<std::uint64_t> number_in(int dirfd, const char* file) {
  const auto text = read_brief_at(dirfd, file);
  return text ? to_number(trimmed(*text)) : std::nullopt;
}

void add_brief_v2(int dirfd, Stats& stats) {
  const auto cpu = read_brief_at(dirfd, kCpuStat);
  if (cpu) add_new(stats, "cpu_usage_us", number_of(*cpu, "usage_usec"));
  const auto memory = number_in(dirfd, "memory.current");
  add_new(stats, "memory_current", memory);
  if (memory) add_new(stats, "memory_limit", number_in(dirfd, "memory.max"));
  add_io(dirfd, Version::kV2, stats);
}

void add_brief_v1(int dirfd, std::string_view controller, Stats& stats) {
  if (controller == "cpuacct") {
    const auto nanoseconds = number_in(dirfd, "cpuacct.usage");
    if (nanoseconds) add_new(stats, "cpu_usage_us", *nanoseconds / 1000);
  } else if (controller == "memory") {
    add_new(stats, "memory_current", number_in(dirfd, "memory.usage_in_bytes"));
    add_new(stats, "memory_limit", number_in(dirfd, "memory.limit_in_bytes"));
  } else if (controller == "blkio") {
    const auto bytes = read_file_at(dirfd, kBlkioBytes);
    if (bytes) add(stats, parse_blkio(*bytes, "io_read_bytes", "io_written_bytes"));
  }
}

}  // namespace

void add_brief(int dirfd, const std::vector<std::string>& controllers, Stats& stats) {
  if (controllers.empty()) return add_brief_v2(dirfd, stats);
  for (const auto& controller : controllers) add_brief_v1(dirfd, controller, stats);
}

void add_stats(int dirfd, std::string_view controller, Version version, bool renewed,
               Stats& stats) {
  if (controller == "io" && !renewed) return add_io(dirfd, version, stats);
  const char* file = "";
  Result<std::string> text = Error{};
  for (const auto& source : kSources) {
    if (source.controller != controller || source.version != version) continue;
    if (renewed && source.sums) continue;
    if (std::string_view(file) != source.file) text = read_file_at(dirfd, source.file);
    file = source.file;
    if (!text) continue;
    const auto number =
        source.key.empty() ? to_number(trimmed(*text)) : number_of(*text, source.key);
    if (number) stats.emplace_back(source.name, *number / source.divisor);
  }
}

std::optional<std::uint64_t> find(const Stats& stats, std::string_view name) {
  const auto found = std::find_if(stats.begin(), stats.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found == stats.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> limits_hit(const Stats& stats) {
  constexpr std::pair<const char*, const char*> kHits[] = {{"memory_max_events", "memory"},
                                                           {"memory_oom_kill", "memory"},
                                                           {"pids_max_events", "pids"},
                                                           {"cpu_throttled", "cpu"}};
  std::vector<std::string> hit;
  for (const auto& [event, limit] : kHits) {
    const bool known = !hit.empty() && hit.back() == limit;
    if (!known && find(stats, event).value_or(0) > 0) hit.emplace_back(limit);
  }
  return hit;
}

Stats parse_io_stat(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kFields[] = {
      {"rbytes", "io_read_bytes"},
      {"wbytes", "io_written_bytes"},
      {"rios", "io_reads"},
      {"wios", "io_writes"}};
  Stats sums;
  for (const auto& [field, name] : kFields) {
    std::uint64_t sum = 0;
    for (auto word : split(text, ' ')) {
      if (cut(word, '=') == field) sum += to_number(word).value_or(0);
    }
    sums.emplace_back(name, sum);
  }
  return sums;
}

Stats parse_blkio(std::string_view text, std::string_view read, std::string_view write) {
  Stats sums = {{std::string(read), 0}, {std::string(write), 0}};
  for (auto line : split(text, '\n')) {
    cut(line, ' ');
    const auto what = cut(line, ' ');
    if (what == "Read") sums[0].second += to_number(line).value_or(0);
    if (what == "Write") sums[1].second += to_number(line).value_or(0);
  }
  return sums;
}

}  // namespace contained::cgroup
