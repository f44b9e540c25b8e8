#include "cgroup/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "cgroup/devices.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

using Settings = std::vector<Setting>;

constexpr std::uint64_t kHighestWeight = 10'000;
constexpr std::uint64_t kHighestShares = 262'144;
constexpr std::uint64_t kShortestQuota = 1000;  // microseconds, sched-bwc.rst
constexpr std::uint64_t kLongestPeriod = 1'000'000;
constexpr std::size_t kDecimals = 6;

Error invalid(const Limit& limit) { return {EINVAL, Stage::kLimit, limit.key}; }

// The value as its kind of word has it on that version.
using Convert = Result<Settings> (*)(const Word&, const Limit&, Version);

Settings one(const Word& word, Version version, std::string value) {
  const auto file = version == Version::kV2 ? word.v2_file : word.v1_file;
  return {{std::string(controller_name(word.controller, version)), std::string(file),
           std::move(value)}};
}

Result<Settings> of_bytes(const Word& word, const Limit& limit, Version version) {
  const auto bytes = parse_bytes(limit.value);
  if (!bytes) return invalid(limit);
  const char* const none = version == Version::kV2 ? "max" : "-1";
  return one(word, version, *bytes ? std::to_string(**bytes) : none);
}

Result<Settings> of_count(const Word& word, const Limit& limit, Version version) {
  if (limit.value != "max" && !to_number(limit.value)) return invalid(limit);
  return one(word, version, limit.value);
}

Result<Settings> of_number(const Word& word, const Limit& limit, Version version) {
  if (!to_number(limit.value)) return invalid(limit);
  return one(word, version, limit.value);
}

Result<Settings> of_flag(const Word& word, const Limit& limit, Version version) {
  if (limit.value != "0" && limit.value != "1") return invalid(limit);
  return one(word, version, limit.value);
}

Result<Settings> of_set(const Word& word, const Limit& limit, Version version) {
  const auto set = to_set(limit.value);
  const bool plain = limit.value.find('\n') == std::string::npos;
  if (!set || set->empty() || !plain) return invalid(limit);
  return one(word, version, limit.value);
}

Result<Settings> of_cores(const Word& word, const Limit& limit, Version version) {
  const auto bandwidth = parse_cores(limit.value);
  if (!bandwidth) return invalid(limit);
  const auto& [quota, period] = *bandwidth;
  if (version == Version::kV2) {
    return one(word, version, fmt::format("{} {}", quota ? std::to_string(*quota) : "max", period));
  }
  return Settings{{"cpu", "cpu.cfs_period_us", std::to_string(period)},
                  {"cpu", "cpu.cfs_quota_us", quota ? std::to_string(*quota) : "-1"}};
}

Result<Settings> of_weight(const Word& word, const Limit& limit, Version version) {
  const auto weight = to_number(limit.value);
  if (!weight || *weight < 1 || *weight > kHighestWeight) return invalid(limit);
  if (version == Version::kV2) return one(word, version, limit.value);
  return one(word, version, std::to_string(*shares_of_weight(*weight)));
}

// "rbps=1M" to the kernel's key and a number or "max".
struct Rate {
  std::string_view key;
  std::string value;
};

std::optional<Rate> parse_rate(std::string_view text) {
  const auto key = cut(text, '=');
  if (key == "rbps" || key == "wbps") {
    const auto bytes = parse_bytes(text);
    if (!bytes) return std::nullopt;
    return Rate{key, *bytes ? std::to_string(**bytes) : "max"};
  }
  const bool known = key == "riops" || key == "wiops";
  if (!known || (text != "max" && !to_number(text))) return std::nullopt;
  return Rate{key, std::string(text)};
}

std::string_view throttle_file(std::string_view key) {
  if (key == "rbps") return "blkio.throttle.read_bps_device";
  if (key == "wbps") return "blkio.throttle.write_bps_device";
  if (key == "riops") return "blkio.throttle.read_iops_device";
  return "blkio.throttle.write_iops_device";
}

Result<Settings> of_io(const Word& word, const Limit& limit, Version version) {
  const auto words = split(limit.value, ' ');
  if (words.size() < 2) return invalid(limit);
  const auto device = device_number(words[0]);
  if (!device) return Error{device.error().code, Stage::kLimit, limit.key};
  std::string line = *device;
  Settings v1;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto rate = parse_rate(words[i]);
    if (!rate) return invalid(limit);
    line += fmt::format(" {}={}", rate->key, rate->value);
    // blkio-controller.rst: 0 takes a rule away.
    const auto value = rate->value == "max" ? std::string("0") : rate->value;
    v1.push_back({"blkio", std::string(throttle_file(rate->key)), *device + " " + value});
  }
  return version == Version::kV2 ? one(word, version, std::move(line)) : std::move(v1);
}

Result<Settings> of_io_weight(const Word& word, const Limit& limit, Version version) {
  const auto words = split(limit.value, ' ');
  if (words.empty() || words.size() > 2) return invalid(limit);
  const auto weight = to_number(words.back());
  if (!weight || *weight < 1 || *weight > kHighestWeight) return invalid(limit);
  if (words.size() == 1) {
    // bfq's weights are the first thousand of the same scale: its 100 is everybody's, too.
    return one(word, version, std::string(words[0]));
  }
  const auto device = device_number(words[0]);
  if (!device) return Error{device.error().code, Stage::kLimit, limit.key};
  auto settings = one(word, version, fmt::format("{} {}", *device, *weight));
  if (version == Version::kV1) settings[0].file += "_device";
  return settings;
}

Result<Settings> of_hugetlb(const Word& word, const Limit& limit, Version version) {
  const auto words = split(limit.value, ' ');
  if (words.size() != 2) return invalid(limit);
  const auto size = words[0];
  const bool plain =
      size.size() <= 8 && (size.ends_with("KB") || size.ends_with("MB") || size.ends_with("GB"));
  if (!plain || !to_number(size.substr(0, size.size() - 2))) return invalid(limit);
  auto settings = of_bytes(word, {limit.key, std::string(words[1])}, version);
  if (!settings) return settings;
  const char* const knob = version == Version::kV2 ? "max" : "limit_in_bytes";
  (*settings)[0].file = fmt::format("hugetlb.{}.{}", size, knob);
  return settings;
}

struct Entry {
  Word word;
  Convert convert;
};

// containment.md has none for memory_high, _low and _min, oom_group: v1's soft limit is another
// thing.
constexpr Entry kEntries[] = {
    {{"memory", "memory", "memory.max", "memory.limit_in_bytes"}, of_bytes},
    {{"swap", "memory", "memory.swap.max", "memory.memsw.limit_in_bytes"}, of_bytes},
    {{"memory_high", "memory", "memory.high", ""}, of_bytes},
    {{"memory_low", "memory", "memory.low", ""}, of_bytes},
    {{"memory_min", "memory", "memory.min", ""}, of_bytes},
    {{"oom_group", "memory", "memory.oom.group", ""}, of_flag},
    {{"cpu", "cpu", "cpu.max", "cpu.cfs_quota_us"}, of_cores},
    {{"cpu_burst", "cpu", "cpu.max.burst", "cpu.cfs_burst_us"}, of_number},
    {{"cpu_weight", "cpu", "cpu.weight", "cpu.shares"}, of_weight},
    {{"cpu_idle", "cpu", "cpu.idle", "cpu.idle"}, of_flag},
    {{"cpus", "cpuset", "cpuset.cpus", "cpuset.cpus"}, of_set},
    {{"mems", "cpuset", "cpuset.mems", "cpuset.mems"}, of_set},
    {{"pids", "pids", "pids.max", "pids.max"}, of_count},
    {{"io", "io", "io.max", "blkio.throttle.read_bps_device"}, of_io},
    {{"io_weight", "io", "io.weight", "blkio.bfq.weight"}, of_io_weight},
    {{"hugetlb", "hugetlb", "hugetlb.", "hugetlb."}, of_hugetlb},
    {{"max_descendants", "cgroup", "cgroup.max.descendants", ""}, of_count},
    {{"max_depth", "cgroup", "cgroup.max.depth", ""}, of_count}};

// Microcores: "0.5" is 500000.
std::optional<std::uint64_t> to_millionths(std::string_view text) {
  const auto whole = to_number<std::uint32_t>(cut(text, '.'));
  if (!whole || text.size() > kDecimals) return std::nullopt;
  std::string digits(text);
  digits.resize(kDecimals, '0');
  const auto part = to_number<std::uint32_t>(digits);
  if (!part) return std::nullopt;
  return *whole * 1'000'000ULL + *part;
}

}  // namespace

const std::vector<Word>& vocabulary() {
  static const std::vector<Word> kWords = [] {
    std::vector<Word> words;
    for (const auto& entry : kEntries) words.push_back(entry.word);
    return words;
  }();
  return kWords;
}

const Word* find_word(std::string_view key) {
  for (const auto& entry : kEntries) {
    if (entry.word.key == key) return &entry.word;
  }
  return nullptr;
}

std::string_view controller_name(std::string_view controller, Version version) {
  if (version == Version::kV1) return controller == "io" ? "blkio" : controller;
  return controller == "blkio" ? "io" : controller;
}

Result<Settings> settings_of(const Limit& limit, Version version) {
  for (const auto& [word, convert] : kEntries) {
    if (word.key != limit.key) continue;
    auto settings = convert(word, limit, Version::kV2);
    if (!settings || version == Version::kV2) return settings;
    if (word.v1_file.empty()) return Error{ENOTSUP, Stage::kLimit, limit.key};
    return convert(word, limit, version);
  }
  return invalid(limit);
}

Result<std::optional<std::uint64_t>> parse_bytes(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  const Error bad{EINVAL, Stage::kLimit, std::string(text)};
  if (text == "max") return std::optional<std::uint64_t>();
  const auto unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  if (unit != std::string_view::npos) text.remove_suffix(1);
  const auto number = to_number(text);
  const auto shift = unit == std::string_view::npos ? 0 : 10 * (unit + 1);
  if (!number || *number > (std::numeric_limits<std::uint64_t>::max() >> shift)) return bad;
  return std::optional(*number << shift);
}

Result<Bandwidth> parse_cores(std::string_view text) {
  Bandwidth bandwidth;
  if (text == "max") return bandwidth;
  const Error bad{EINVAL, Stage::kLimit, std::string(text)};
  const auto millionths = to_millionths(text);
  if (!millionths) return bad;
  // What the usual period cannot express exactly, or not at all, gets the longest.
  if (*millionths % 10 != 0 || *millionths < kShortestQuota * 10) bandwidth.period = kLongestPeriod;
  bandwidth.quota = *millionths / (kLongestPeriod / bandwidth.period);
  if (*bandwidth.quota < kShortestQuota) return bad;
  return bandwidth;
}

std::string format_cores(const Bandwidth& bandwidth) {
  if (!bandwidth.quota || bandwidth.period == 0) return "max";
  const auto cores = static_cast<double>(*bandwidth.quota) / static_cast<double>(bandwidth.period);
  auto text = fmt::format("{:.6f}", cores);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::optional<std::uint64_t> shares_of_weight(std::uint64_t weight) {
  if (weight < 1 || weight > kHighestWeight) return std::nullopt;
  return (weight * 1024 + 50) / 100;
}

std::optional<std::uint64_t> weight_of_shares(std::uint64_t shares) {
  const auto weight = shares > kHighestShares ? 0 : (shares * 100 + 512) / 1024;
  if (weight < 1 || weight > kHighestWeight) return std::nullopt;
  return weight;
}

}  // namespace contained::cgroup
