#include "cgroup/raw.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "cgroup/names.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

using Settings = std::vector<Setting>;

constexpr char kQuota[] = "cpu.cfs_quota_us";
constexpr char kPeriod[] = "cpu.cfs_period_us";

Error refused(const Setting& setting, int code) { return {code, Stage::kLimit, setting.file}; }

// The same number under another name; "max" on v2 is "-1" on v1.
struct Twin {
  std::string_view v1;
  std::string_view v2;
};
constexpr Twin kTwins[] = {{"memory.limit_in_bytes", "memory.max"},
                           {"cpu.cfs_burst_us", "cpu.max.burst"},
                           {"blkio.bfq.weight", "io.bfq.weight"}};

// Files of one version alone, whose meaning the other cannot express.
constexpr std::string_view kOnlyV1[] = {
    "blkio.",      "cpuacct.",       "freezer.",     "devices.", "net_cls.",
    "net_prio.",   "cpu.rt_",        "cpu.shares",   "cpu.cfs_", "cpuset.cpu_exclusive",
    "cpuset.mem_", "cpuset.memory_", "cpuset.sched_"};
constexpr std::string_view kOnlyV2[] = {
    "io.",          "cgroup.",       "memory.high",    "memory.low",  "memory.min", "memory.oom.",
    "memory.swap.", "memory.zswap.", "memory.reclaim", "memory.peak", "memory.max", "cpu.weight",
    "cpu.max",      "cpu.uclamp.",   "cpuset.cpus.",   "misc.",       "dmem."};

template <std::size_t N>
bool starts_with_any(std::string_view file, const std::string_view (&heads)[N]) {
  return std::any_of(std::begin(heads), std::end(heads),
                     [&](std::string_view head) { return file.starts_with(head); });
}

bool is_v1_memory(std::string_view file) {
  return file.ends_with("_in_bytes") || file.starts_with("memory.memsw.") ||
         file.starts_with("memory.kmem.") || file == "memory.swappiness" ||
         file == "memory.oom_control" || file == "memory.use_hierarchy" ||
         file == "memory.force_empty" || file == "memory.move_charge_at_immigrate";
}

// Of hugetlb only the end of the name tells.
bool is_of(std::string_view file, Version version) {
  const bool v1 = starts_with_any(file, kOnlyV1) || is_v1_memory(file);
  const bool v2 =
      starts_with_any(file, kOnlyV2) || (file.starts_with("hugetlb.") && file.ends_with(".max"));
  return version == Version::kV1 ? !v2 : !v1;
}

// What would take the group from us, or is an action and no setting.
bool is_forbidden(std::string_view file) {
  const bool ours = owner_of(file) == "cgroup" && !file.starts_with("cgroup.max.") &&
                    file != "cgroup.clone_children" && file != "cgroup.pressure";
  return ours || file == "freezer.state" || !valid_file(file);
}

std::string other_number(std::string_view value, Version to) {
  if (value == "max" && to == Version::kV1) return "-1";
  if (value == "-1" && to == Version::kV2) return "max";
  return std::string(value);
}

Settings of_file(Version to, std::string_view controller, std::string_view file,
                 std::string value) {
  return {{std::string(controller_name(controller, to)), std::string(file), std::move(value)}};
}

// "2MB" of hugetlb.2MB.max.
std::string_view page_size(std::string_view file) {
  cut(file, '.');
  return cut(file, '.');
}

Result<Settings> by_word(const Setting& setting, std::string_view key, std::string value,
                         Version to) {
  auto settings = settings_of({std::string(key), std::move(value)}, to);
  if (!settings) return refused(setting, settings.error().code);
  return settings;
}

// "50000 100000" or "max".
Result<Settings> cpu_max_to_v1(const Setting& setting) {
  const auto words = split(setting.value, ' ');
  if (words.empty() || words.size() > 2) return refused(setting, EINVAL);
  if (words[0] != "max" && !to_number(words[0])) return refused(setting, EINVAL);
  Settings settings;
  if (words.size() == 2) settings.push_back({"cpu", kPeriod, std::string(words[1])});
  settings.push_back({"cpu", kQuota, other_number(words[0], Version::kV1)});
  return settings;
}

Result<Settings> io_max_to_v1(const Setting& setting) {
  return by_word(setting, "io", setting.value, Version::kV1);
}

Result<Settings> to_v1(const Setting& setting) {
  const std::string_view file = setting.file;
  for (const auto& twin : kTwins) {
    if (twin.v2 != file) continue;
    return of_file(Version::kV1, setting.controller, twin.v1,
                   other_number(setting.value, Version::kV1));
  }
  if (file == "cpu.max") return cpu_max_to_v1(setting);
  if (file == "io.max") return io_max_to_v1(setting);
  if (file == "cpu.weight") return by_word(setting, "cpu_weight", setting.value, Version::kV1);
  if (file == "memory.swap.max") return by_word(setting, "swap", setting.value, Version::kV1);
  if (file.starts_with("hugetlb.") && file.ends_with(".max")) {
    return of_file(Version::kV1, "hugetlb",
                   fmt::format("hugetlb.{}.limit_in_bytes", page_size(file)),
                   other_number(setting.value, Version::kV1));
  }
  return refused(setting, ENOTSUP);
}

Result<Settings> shares_to_v2(const Setting& setting) {
  const auto shares = to_number(setting.value);
  if (!shares) return refused(setting, EINVAL);
  const auto weight = weight_of_shares(*shares);
  if (!weight) return refused(setting, ENOTSUP);
  return of_file(Version::kV2, "cpu", "cpu.weight", std::to_string(*weight));
}

// "8:0 1048576" of one of the four files of blkio's throttling.
Result<Settings> throttle_to_v2(const Setting& setting, std::string_view key) {
  const auto words = split(setting.value, ' ');
  if (words.size() != 2 || !to_number(words[1])) return refused(setting, EINVAL);
  const auto rate = words[1] == "0" ? std::string_view("max") : words[1];
  return by_word(setting, "io", fmt::format("{} {}={}", words[0], key, rate), Version::kV2);
}

Result<Settings> to_v2(const Setting& setting) {
  const std::string_view file = setting.file;
  const auto value = other_number(setting.value, Version::kV2);
  for (const auto& twin : kTwins) {
    if (twin.v1 == file) return of_file(Version::kV2, setting.controller, twin.v2, value);
  }
  if (file == kQuota) return of_file(Version::kV2, "cpu", "cpu.max", value);
  if (file == kPeriod) return of_file(Version::kV2, "cpu", "cpu.max", "max " + value);
  if (file == "cpu.shares") return shares_to_v2(setting);
  if (file == "blkio.throttle.read_bps_device") return throttle_to_v2(setting, "rbps");
  if (file == "blkio.throttle.write_bps_device") return throttle_to_v2(setting, "wbps");
  if (file == "blkio.throttle.read_iops_device") return throttle_to_v2(setting, "riops");
  if (file == "blkio.throttle.write_iops_device") return throttle_to_v2(setting, "wiops");
  const bool hugetlb = file.starts_with("hugetlb.") && file.ends_with(".limit_in_bytes");
  if (hugetlb && file.find(".rsvd.") == std::string_view::npos) {
    return of_file(Version::kV2, "hugetlb", fmt::format("hugetlb.{}.max", page_size(file)), value);
  }
  return refused(setting, ENOTSUP);
}

bool same_controller(const Setting& setting) {
  const auto as_v2 = [](std::string_view name) { return controller_name(name, Version::kV2); };
  // v1 mounts cpu and cpuacct together as often as not.
  return as_v2(owner_of(setting.file)) == as_v2(setting.controller);
}

}  // namespace

Result<Settings> translated(const Setting& setting, Version version) {
  const bool plain = setting.value.find('\0') == std::string::npos;
  if (!plain || setting.value.empty() || !valid_file(setting.file) || !same_controller(setting)) {
    return refused(setting, EINVAL);
  }
  if (setting.file == "freezer.state") return refused(setting, ENOTSUP);
  if (is_forbidden(setting.file)) return refused(setting, EINVAL);
  if (is_of(setting.file, version)) return Settings{setting};
  return version == Version::kV1 ? to_v1(setting) : to_v2(setting);
}

Settings paired(const Settings& settings) {
  const auto find = [&](const char* file) {
    return std::find_if(settings.begin(), settings.end(),
                        [&](const Setting& setting) { return setting.file == file; });
  };
  const auto quota = find(kQuota);
  const auto period = find(kPeriod);
  if (quota == settings.end() || period == settings.end()) return settings;
  Settings result;
  for (auto at = settings.begin(); at != settings.end(); ++at) {
    if (at == std::max(quota, period)) continue;
    if (at != std::min(quota, period)) {
      result.push_back(*at);
      continue;
    }
    const auto most = quota->value == "-1" ? std::string("max") : quota->value;
    result.push_back({"cpu", "cpu.max", most + " " + period->value});
  }
  return result;
}

}  // namespace contained::cgroup
