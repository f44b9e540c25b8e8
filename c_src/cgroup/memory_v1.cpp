// v1 limits memory, and the sum of memory and swap, which must never be the smaller
// (cgroup-v1/memory.rst, "Memory+Swap").
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <optional>

#include "base/file.hpp"
#include "cgroup/apply.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

constexpr char kMemory[] = "memory.limit_in_bytes";
constexpr char kSum[] = "memory.memsw.limit_in_bytes";

// What the page counters begin with is LONG_MAX in pages; of any page size this is beyond.
constexpr auto kUnlimited =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - (1U << 20);

// The limit in force; nothing: none, or no such file.
std::optional<std::uint64_t> limit_in(int dirfd, const char* file) {
  const auto text = read_brief_at(dirfd, file);
  const auto number = text ? to_number(trimmed(*text)) : std::nullopt;
  if (!number || *number >= kUnlimited) return std::nullopt;
  return number;
}

bool has_swap() {
  const auto text = read_file_at(AT_FDCWD, "/proc/swaps");
  return !text || split(*text, '\n').size() > 1;
}

Status write_two(int dirfd, const Setting& first, const Setting& second, std::string_view subject) {
  const auto written = write_setting(dirfd, first, subject);
  return written ? write_setting(dirfd, second, subject) : written;
}

}  // namespace

Status write_memory_v1(int dirfd, const std::string& value, std::string_view subject) {
  const Setting memory{"memory", kMemory, value};
  const auto old = limit_in(dirfd, kMemory);
  const auto sum = limit_in(dirfd, kSum);
  if (!sum) return write_setting(dirfd, memory, subject);
  const auto asked = to_number(value);
  // Without a limit of memory, one of swap alone cannot be said.
  if (!asked) return write_two(dirfd, {"memory", kSum, "-1"}, memory, subject);
  const auto swap = old && *old <= *sum ? *sum - *old : 0;
  const Setting both{"memory", kSum, std::to_string(*asked + swap)};
  const bool raises = *asked + swap > *sum;
  return raises ? write_two(dirfd, both, memory, subject) : write_two(dirfd, memory, both, subject);
}

bool is_swap_moot(int dirfd, const std::string& file, std::string_view value) {
  if (::faccessat(dirfd, file.c_str(), F_OK, 0) == 0 || errno != ENOENT) return false;
  const auto swap = to_number(value);
  return !swap || (*swap == 0 && !has_swap());
}

Status write_swap_v1(int dirfd, const std::string& value, std::string_view subject) {
  if (is_swap_moot(dirfd, kSum, value)) return Done{};
  const auto swap = to_number(value);
  const auto memory = limit_in(dirfd, kMemory);
  if (swap && !memory) return limit_error(ENOTSUP, subject);
  const auto sum = swap ? std::to_string(*memory + *swap) : std::string("-1");
  return write_setting(dirfd, {"memory", kSum, sum}, subject);
}

}  // namespace contained::cgroup
