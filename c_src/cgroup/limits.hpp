// The vocabulary of limits, one for both versions, and what to write for each word of it.
//
//   memory memory_high memory_low memory_min swap   bytes: "64M" (K, M, G, T of 1024) or "max"
//   oom_group cpu_idle                              "0" or "1"
//   cpu                                             cores: "0.5", or "max"
//   cpu_weight                                      1 to 10000, 100 is everybody's
//   cpu_burst                                       microseconds
//   cpus mems                                       "0-1,3"
//   pids max_descendants max_depth                  a number or "max"
//   io         "/dev/vda rbps=1M wbps=max riops=100 wiops=7", one device; "8:0 rbps=1M" too
//   io_weight  1 to 10000, or "/dev/vda 200"
//   hugetlb    "2MB 64M"
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace contained::cgroup {

struct Limit {
  std::string key;
  std::string value;
  bool operator==(const Limit&) const = default;
};

/// One control file and its text. |controller| is as that version names it: "io", on v1 "blkio";
/// "cgroup" for a file that every v2 group has.
struct Setting {
  std::string controller;
  std::string file;
  std::string value;
  bool operator==(const Setting&) const = default;
};

enum class Version : std::uint8_t { kV1, kV2 };

/// A word of the vocabulary.
struct Word {
  std::string_view key;
  std::string_view controller;  ///< as v2 names it
  std::string_view v2_file;     ///< of hugetlb without the size
  std::string_view v1_file;     ///< the first, where there are several; empty: no equivalent
};
const std::vector<Word>& vocabulary();
const Word* find_word(std::string_view key);

/// "io" is "blkio" on v1; all others are called the same.
std::string_view controller_name(std::string_view controller, Version version);

/// What to write for |limit|, in that order. EINVAL: unknown key, or value not understood. ENOTSUP:
/// no exact equivalent on that version. ENODEV: no such block device. Stage kLimit, subject the
/// key.
///
/// The value of v1's memory.memsw.limit_in_bytes is the swap alone here: see write_memory().
Result<std::vector<Setting>> settings_of(const Limit& limit, Version version);

/// A number of bytes, "64M"; "max" is nothing in the optional. EINVAL.
Result<std::optional<std::uint64_t>> parse_bytes(std::string_view text);

/// The CPU bandwidth of |cores| as microseconds in each |period|: "0.5" is 50000 in 100000. "max"
/// is no quota. EINVAL for none at all, or less than the kernel can do (1 ms in 1 s).
struct Bandwidth {
  std::optional<std::uint64_t> quota;
  std::uint64_t period = 100'000;
};
Result<Bandwidth> parse_cores(std::string_view text);

/// The inverse, with at most six decimals.
std::string format_cores(const Bandwidth& bandwidth);

/// v1's cpu.shares for a v2 weight and back, as the scheduler has them: 1024 is 100 (kernel/sched,
/// sched_weight_from_cgroup). Nothing when the other has no such value.
std::optional<std::uint64_t> shares_of_weight(std::uint64_t weight);
std::optional<std::uint64_t> weight_of_shares(std::uint64_t shares);

/// Stage kLimit, about a key or a file.
inline Error limit_error(int code, std::string_view subject) {
  return {code, Stage::kLimit, std::string(subject)};
}

}  // namespace contained::cgroup
