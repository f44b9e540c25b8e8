// Options on control groups: where, and which limits.
#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

#include "cgroup/limits.hpp"
#include "cgroup/names.hpp"
#include "cli/option_rows.hpp"
#include "cli/units.hpp"

namespace contained::cli {
namespace {

constexpr const char* kBytes = "a number of bytes such as 64M, or max";

std::string_view allowed_limit(std::string_view key) {
  if (key == "cpu") return "processors such as 0.5, or max";
  if (key == "cpu_weight" || key == "io_weight") return "1 to 10000";
  if (key == "cpus" || key == "mems") return "a list such as 0-1,3";
  if (key == "pids" || key.starts_with("max_")) return "a number, or max";
  if (key == "cpu_burst") return "microseconds";
  if (key == "cpu_idle" || key == "oom_group") return "0 or 1";
  if (key == "io") return "a device and its limits, such as '/dev/vda rbps=1M wiops=100'";
  if (key == "hugetlb") return "a page size and bytes, such as '2MB 64M'";
  return kBytes;
}

// What the kernel will say is not known yet; what cannot be said to it is.
std::string add_limit(CommandOptions& options, const std::string& key, const std::string& value) {
  const auto settings = cgroup::settings_of({key, value}, cgroup::Version::kV2);
  const auto allowed = allowed_limit(key);
  const auto bytes = parse_size(value);
  if (!settings && settings.error().code == EINVAL && allowed == kBytes && bytes) {
    const auto text = std::to_string(*bytes);
    if (text != value) return add_limit(options, key, text);
  }
  if (!settings && settings.error().code == EINVAL) return std::string(allowed);
  options.start.placement.limits.push_back({key, value});
  return {};
}

std::string take_limit(CommandOptions& options, const Row& row, const std::string& value) {
  return add_limit(options, row.key, value);
}

std::string take_any_limit(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  const auto pair = split_pair(value);
  if (!pair || cgroup::find_word(pair->first) == nullptr) {
    std::string known = "KEY=VALUE, of the keys";
    for (const auto& word : cgroup::vocabulary()) known.append(" ").append(word.key);
    return known;
  }
  return add_limit(options, pair->first, pair->second);
}

std::string take_group(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (!cgroup::valid_path(value)) return "one to four names of letters, digits, _ . - joined by /";
  options.start.placement.group = value;
  return {};
}

std::string take_name(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (!cgroup::valid_name(value)) return "letters, digits, _ . -, at most 64";
  options.start.placement.name = value;
  return {};
}

std::string take_controller(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  options.controllers.push_back(value);
  return {};
}

// "memory.max=64M" belongs to the controller in front of its first dot.
std::string take_setting(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  const auto pair = split_pair(value);
  if (!pair || !cgroup::valid_file(pair->first))
    return "a control file and its value, memory.max=64M";
  const std::string controller(cgroup::owner_of(pair->first));
  options.start.placement.settings.push_back({controller, pair->first, pair->second});
  return {};
}

std::string take_unsupported(CommandOptions& options, const Row& /*row*/,
                             const std::string& value) {
  if (value != "error" && value != "ignore") return "error or ignore";
  options.start.placement.ignore_unsupported = value == "ignore";
  return {};
}

std::string take_containment(CommandOptions& options, const Row& /*row*/,
                             const std::string& value) {
  constexpr std::string_view kKinds[] = {"auto",   "required", "cgroup2",
                                         "hybrid", "cgroup1",  "best_effort"};
  if (std::find(std::begin(kKinds), std::end(kKinds), value) == std::end(kKinds)) {
    return "auto, required, cgroup2, hybrid, cgroup1 or best_effort";
  }
  options.cgroups.containment = value;
  return {};
}

std::string take_base(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  options.cgroups.base = value;
  return {};
}

std::string take_flag(CommandOptions& options, const Row& row, const std::string& /*value*/) {
  const std::string_view key = row.key;
  if (key == "take_over") options.cgroups.take_over = true;
  if (key == "keep") options.start.placement.keep = true;
  if (key == "delegate") options.start.placement.delegate = true;
  return {};
}

using enum Row::Kind;

constexpr Row kGroupRows[] = {
    {"--memory", "BYTES", "Memory at most; beyond it the kernel kills", take_limit, kOnce,
     "memory"},
    {"--memory-high", "BYTES", "Memory beyond which it is slowed down", take_limit, kOnce,
     "memory_high"},
    {"--memory-low", "BYTES", "Memory that is reclaimed last", take_limit, kOnce, "memory_low"},
    {"--memory-min", "BYTES", "Memory that is never reclaimed", take_limit, kOnce, "memory_min"},
    {"--swap", "BYTES", "Swap at most", take_limit, kOnce, "swap"},
    {"--cpu", "CPUS", "Processors at most, such as 0.5", take_limit, kOnce, "cpu"},
    {"--cpu-weight", "N", "Share of the processors, 1 to 10000, others have 100", take_limit, kOnce,
     "cpu_weight"},
    {"--cpus", "LIST", "Which processors, such as 0-1,3", take_limit, kOnce, "cpus"},
    {"--pids", "N", "Processes and threads at most", take_limit, kOnce, "pids"},
    {"--io", "LIMITS", "Of a device, such as '/dev/vda rbps=1M wiops=100'; repeatable", take_limit,
     kRepeated, "io"},
    {"--io-weight", "N", "Share of the disks, 1 to 10000, others have 100", take_limit, kOnce,
     "io_weight"},
    {"--hugetlb", "LIMIT", "Huge pages of a size at most, such as '2MB 64M'; repeatable",
     take_limit, kRepeated, "hugetlb"},
    {"--limit", "KEY=VALUE", "Any limit by its key (guides/limits.md); repeatable", take_any_limit,
     kRepeated},
    {"--set,-s", "FILE=VALUE", "A control file as it is, such as memory.max=64M; repeatable",
     take_setting, kRepeated},
    {"--controller,-c", "NAME", "A controller that must be there; repeatable", take_controller,
     kRepeated},
    {"--group,-p", "CGROUP", "The parent group, such as web/front", take_group},
    {"--name", "NAME", "The command's own group in it; else a number", take_name},
    {"--keep-cgroup", "", "Its group stays until we end", take_flag, kFlag, "keep"},
    {"--delegate", "", "Its group belongs to its user (--uid)", take_flag, kFlag, "delegate"},
    {"--containment", "auto|required|cgroup2|hybrid|cgroup1|best_effort",
     "By what it is held together; required: by control groups", take_containment},
    {"--cgroup-base", "DIR", "Where to make groups", take_base},
    {"--take-over", "", "Moves our user's processes in the base into <base>/main", take_flag, kFlag,
     "take_over"},
    {"--on-unsupported", "error|ignore", "What of limits that cannot be applied here",
     take_unsupported},
};

}  // namespace

Table group_table() { return {"Control groups", kGroupRows}; }

}  // namespace contained::cli
