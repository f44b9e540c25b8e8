#include "cgroup/apply.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/raw.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

using Strings = std::vector<std::string>;

constexpr std::string_view kSwapV1 = "memory.memsw.limit_in_bytes";
constexpr std::string_view kMemoryV1 = "memory.limit_in_bytes";

// That this machine, or this user on it, cannot do it at all.
bool is_unsupported(const Error& error) {
  return error.code == ENOTSUP || error.code == EACCES || error.code == EPERM ||
         error.code == EROFS;
}

// v1's quota may not exceed the parent's share, in neither of two states between: the other order.
bool is_bandwidth(const std::vector<Setting>& settings) {
  return settings.size() == 2 && settings[0].file == "cpu.cfs_period_us" &&
         settings[1].file == "cpu.cfs_quota_us";
}

// Where the kernel has no io.weight (blk-iocost), bfq's stands for it.
Setting replaced(int dirfd, Setting setting) {
  if (setting.file == "io.weight" && ::faccessat(dirfd, "io.weight", F_OK, 0) != 0) {
    setting.file = "io.bfq.weight";
  }
  return setting;
}

Status write_one(int dirfd, Version version, const Setting& setting, std::string_view subject) {
  if (version == Version::kV1 && setting.file == kMemoryV1) {
    return write_memory_v1(dirfd, setting.value, subject);
  }
  return write_setting(dirfd, replaced(dirfd, setting), subject);
}

Status write_all(int dirfd, Version version, const std::vector<Setting>& settings,
                 std::string_view subject) {
  for (const auto& setting : settings) {
    auto written = write_one(dirfd, version, setting, subject);
    if (!written && written.error().code == EINVAL && is_bandwidth(settings)) {
      written = write_one(dirfd, version, settings[1], subject);
      if (written) written = write_one(dirfd, version, settings[0], subject);
      return written;
    }
    if (!written) return written;
  }
  return Done{};
}

Status apply_limit(Place& place, const Limit& limit) {
  const auto* word = find_word(limit.key);
  if (word == nullptr) return limit_error(EINVAL, limit.key);
  const auto version = place.version(word->controller);
  // A value that nobody understands is wrong everywhere.
  const auto settings = settings_of(limit, version.value_or(Version::kV2));
  if (!settings) return settings.error();
  if (!version) return limit_error(ENOTSUP, limit.key);
  const auto dirfd = place.directory(word->controller);
  if (!dirfd) return limit_error(dirfd.error().code, limit.key);
  if (limit.key == "swap") {
    const auto& [controller, file, value] = settings->front();
    if (*version == Version::kV1) return write_swap_v1(*dirfd, value, limit.key);
    if (is_swap_moot(*dirfd, file, value)) return Done{};
  }
  return write_all(*dirfd, *version, *settings, limit.key);
}

Status apply_setting(Place& place, const Setting& setting) {
  const auto controller = controller_name(setting.controller, Version::kV2);
  const auto version = place.version(controller);
  const auto settings = translated(setting, version.value_or(Version::kV2));
  if (!version) return limit_error(settings ? ENOTSUP : settings.error().code, setting.file);
  if (!settings) return settings.error();
  const auto dirfd = place.directory(controller);
  if (!dirfd) return limit_error(dirfd.error().code, setting.file);
  if (*version == Version::kV1 && setting.file == "memory.swap.max") {
    return write_swap_v1(*dirfd, settings->front().value, setting.file);
  }
  // Raw is raw: of its own version a file is written as it stands.
  if (*settings == std::vector{setting}) return write_setting(*dirfd, setting, setting.file);
  return write_all(*dirfd, *version, *settings, setting.file);
}

Status settle(Status status, Strings* ignored, const std::string& subject) {
  if (status || ignored == nullptr || !is_unsupported(status.error())) return status;
  ignored->push_back(subject);
  return Done{};
}

bool is_before(const Limit& a, const Limit& b) {
  const auto rank = [](const Limit& limit) {
    return limit.key == "swap" || limit.key == "cpu_burst" || limit.key == "cpu_idle" ? 1 : 0;
  };
  return rank(a) < rank(b);
}

bool is_among(std::string_view file, std::initializer_list<std::string_view> files) {
  return std::find(files.begin(), files.end(), file) != files.end();
}

// What the kernel keeps in pages, huge or not.
bool is_bytes(std::string_view file) {
  return is_among(file, {"memory.max", "memory.high", "memory.low", "memory.min", "memory.swap.max",
                         kMemoryV1, kSwapV1, "memory.soft_limit_in_bytes"}) ||
         file.starts_with("hugetlb.");
}

std::uint64_t unit_of(std::string_view file) {
  constexpr std::string_view kUnits = "KMG";
  if (!file.starts_with("hugetlb.")) return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  cut(file, '.');
  auto size = cut(file, '.');
  if (size.size() < 3) return 1;
  const auto shift = 10 * (kUnits.find(size[size.size() - 2]) + 1);
  return to_number(size.substr(0, size.size() - 2)).value_or(1) << (shift % 64);
}

// CPUs asked for beyond the parent's are silently not given.
bool is_set_in_force(int dirfd, const Setting& setting) {
  const auto effective = read_file_at(dirfd, setting.file + ".effective");
  if (!effective) return true;
  return is_as_written(setting.file, setting.value, *effective);
}

}  // namespace

bool is_as_written(std::string_view file, std::string_view written, std::string_view taken) {
  taken = trimmed(taken);
  written = trimmed(written);
  if (is_among(file, {"cpuset.cpus", "cpuset.mems"})) return to_set(written) == to_set(taken);
  const auto asked = to_number(written);
  const auto got = to_number(taken);
  if (!asked) return true;
  if (is_bytes(file)) {
    if (!got) return taken == "max";  // more than any page counter holds
    return *got <= *asked && *asked - *got < unit_of(file) && (*got > 0 || *asked == 0);
  }
  const bool compared = is_among(file, {"cpu.weight", "cpu.shares", "cpu.idle", "pids.max",
                                        "cpu.cfs_quota_us", "cpu.cfs_period_us"});
  return !compared || !got || *got == *asked;
}

Status write_setting(int dirfd, const Setting& setting, std::string_view subject) {
  const auto written = write_file_at(dirfd, setting.file, setting.value);
  if (!written)
    return limit_error(written.error().code == ENOENT ? ENOTSUP : written.error().code, subject);
  const auto taken = read_brief_at(dirfd, setting.file);
  if (!taken) return Done{};  // written to only, like memory.reclaim
  const bool as_written = is_as_written(setting.file, setting.value, *taken) &&
                          (!setting.file.starts_with("cpuset.") || is_set_in_force(dirfd, setting));
  if (!as_written) return limit_error(ERANGE, subject);
  return Done{};
}

Status apply(Place& place, const std::vector<Limit>& limits, Strings* ignored) {
  auto ordered = limits;
  std::stable_sort(ordered.begin(), ordered.end(), is_before);
  for (const auto& limit : ordered) {
    auto status = settle(apply_limit(place, limit), ignored, limit.key);
    if (!status) return status;
  }
  return Done{};
}

Status apply(Place& place, const std::vector<Setting>& settings, Strings* ignored) {
  const bool pair = place.version("cpu") == Version::kV2;
  for (const auto& setting : pair ? paired(settings) : settings) {
    auto status = settle(apply_setting(place, setting), ignored, setting.file);
    if (!status) return status;
  }
  return Done{};
}

}  // namespace contained::cgroup
