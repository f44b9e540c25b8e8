#include "cgroup/in_force.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>

#include "base/file.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

using Limits = std::vector<Limit>;

// v1 has no word for "none": its counters begin just below LONG_MAX.
constexpr std::uint64_t kNone = 1ULL << 62;

std::optional<std::uint64_t> finite(std::string_view text) {
  const auto number = to_number(trimmed(text));
  return number && *number < kNone ? number : std::nullopt;
}

std::string read(int dirfd, const std::string& file) {
  const auto text = read_file_at(dirfd, file);
  return text ? *text : std::string();
}

Limits single(std::string_view key, std::string value) {
  return {{std::string(key), std::move(value)}};
}

// "254:0 rbps=1048576 wbps=max": a line for each device, what is not limited left out.
Limits io_of(std::string_view text) {
  Limits limits;
  for (const auto line : split(text, '\n')) {
    std::string value;
    for (const auto word : split(line, ' ')) {
      if (word.ends_with("=max")) continue;
      if (!value.empty()) value += ' ';
      value += word;
    }
    if (value.find('=') != std::string::npos) limits.push_back({"io", std::move(value)});
  }
  return limits;
}

Limits io_of_v1(int dirfd) {
  constexpr std::array<std::pair<const char*, const char*>, 4> kFiles = {
      {{"rbps", "blkio.throttle.read_bps_device"},
       {"wbps", "blkio.throttle.write_bps_device"},
       {"riops", "blkio.throttle.read_iops_device"},
       {"wiops", "blkio.throttle.write_iops_device"}}};
  std::map<std::string, std::string> devices;
  for (const auto& [key, file] : kFiles) {
    const auto text = read(dirfd, file);
    for (const auto line : split(text, '\n')) {
      const auto words = split(line, ' ');
      if (words.size() == 2) devices[std::string(words[0])] += fmt::format(" {}={}", key, words[1]);
    }
  }
  Limits limits;
  for (const auto& [device, rates] : devices) limits.push_back({"io", device + rates});
  return limits;
}

// "100", or lines "default 100" and "254:0 200".
Limits io_weight_of(std::string_view text) {
  Limits limits;
  for (const auto line : split(text, '\n')) {
    auto words = split(line, ' ');
    if (words.size() == 2 && words[0] == "default") words.erase(words.begin());
    if (words.empty() || words.size() > 2) continue;
    if (words.size() == 1 && words[0] == "100") continue;
    const auto value =
        words.size() == 1 ? std::string(words[0]) : fmt::format("{} {}", words[0], words[1]);
    limits.push_back({"io_weight", value});
  }
  return limits;
}

std::vector<std::string> files_of(int dirfd) {
  std::vector<std::string> names;
  auto fd = open_at(dirfd, ".", O_RDONLY | O_DIRECTORY);
  if (!fd) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(fd->get()), ::closedir);
  if (!dir) return names;
  fd->release();
  while (const dirent* entry = ::readdir(dir.get())) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

Limits hugetlb_in(int dirfd, Version version) {
  const std::string_view end = version == Version::kV2 ? ".max" : ".limit_in_bytes";
  Limits limits;
  for (const auto& file : files_of(dirfd)) {
    std::string_view rest = file;
    if (cut(rest, '.') != "hugetlb" || !rest.ends_with(end)) continue;
    rest.remove_suffix(end.size());
    const auto bytes = finite(read(dirfd, file));
    if (bytes && rest.find('.') == std::string_view::npos) {
      limits.push_back({"hugetlb", fmt::format("{} {}", rest, *bytes)});
    }
  }
  return limits;
}

Limits cpu_of_v1(int dirfd, std::string_view quota_text) {
  const auto quota = to_number(trimmed(quota_text));  // "-1" is none
  const auto period = to_number(trimmed(read(dirfd, "cpu.cfs_period_us")));
  if (!quota || !period) return {};
  return single("cpu", format_cores({*quota, *period}));
}

Limits swap_of_v1(int dirfd, std::string_view sum_text) {
  const auto sum = finite(sum_text);
  const auto memory = finite(read(dirfd, "memory.limit_in_bytes"));
  if (!sum || !memory || *sum < *memory) return {};
  return single("swap", std::to_string(*sum - *memory));
}

// The group above has the same: filled in by us, so that somebody could enter.
bool is_inherited(int dirfd, const Word& word, std::string_view text) {
  return word.controller == "cpuset" &&
         to_set(trimmed(text)) == to_set(trimmed(read(dirfd, "../" + std::string(word.v1_file))));
}

Limits of_v1(int dirfd, const Word& word, std::string_view text) {
  if (word.key == "cpu") return cpu_of_v1(dirfd, text);
  if (word.key == "swap") return swap_of_v1(dirfd, text);
  if (word.key == "io") return io_of_v1(dirfd);
  auto limits =
      is_inherited(dirfd, word, text) ? Limits() : limits_of_text(word, Version::kV1, text);
  if (word.key == "io_weight") {
    const auto devices = io_weight_of(read(dirfd, "blkio.bfq.weight_device"));
    for (const auto& device : devices) {
      if (device.value.find(' ') != std::string::npos) limits.push_back(device);
    }
  }
  return limits;
}

Limits of_cpu_max(std::string_view text) {
  const auto words = split(text, ' ');
  const auto quota = words.size() == 2 ? to_number(words[0]) : std::nullopt;
  const auto period = words.size() == 2 ? to_number(words[1]) : std::nullopt;
  if (!quota || !period) return {};
  return single("cpu", format_cores({*quota, *period}));
}

Limits weight_in_force(Version version, std::uint64_t number) {
  const auto weight = version == Version::kV2 ? number : weight_of_shares(number).value_or(0);
  if (weight == 100 || weight == 0) return {};  // 0: cpu.idle
  return single("cpu_weight", std::to_string(weight));
}

bool is_zero_default(std::string_view key) {
  return key == "memory_low" || key == "memory_min" || key == "oom_group" || key == "cpu_idle" ||
         key == "cpu_burst";
}

}  // namespace

Limits limits_of_text(const Word& word, Version version, std::string_view text) {
  if (word.key == "io") return io_of(text);
  if (word.key == "io_weight") return io_weight_of(text);
  if (word.key == "cpu") return of_cpu_max(text);
  const auto plain = trimmed(text);
  if (word.controller == "cpuset")
    return plain.empty() ? Limits() : single(word.key, std::string(plain));
  const auto number = finite(plain);
  if (!number) return {};
  if (word.key == "cpu_weight") return weight_in_force(version, *number);
  if (*number == 0 && is_zero_default(word.key)) return {};
  return single(word.key, std::to_string(*number));
}

Limits limits_in_force(int dirfd, std::string_view controller, Version version) {
  Limits limits;
  for (const auto& word : vocabulary()) {
    const std::string file(version == Version::kV2 ? word.v2_file : word.v1_file);
    if (word.controller != controller || file.empty()) continue;
    if (word.key == "hugetlb") return hugetlb_in(dirfd, version);
    auto text = read_file_at(dirfd, file);
    if (!text && word.key == "io_weight") text = read_file_at(dirfd, "io.bfq.weight");
    if (!text) continue;
    const auto found =
        version == Version::kV2 ? limits_of_text(word, version, *text) : of_v1(dirfd, word, *text);
    limits.insert(limits.end(), found.begin(), found.end());
  }
  return limits;
}

}  // namespace contained::cgroup
