// Small pieces of text that the kernel writes and takes.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace contained::cgroup {

/// Cuts |text| at the first |separator| and returns what stood before it.
std::string_view cut(std::string_view& text, char separator);

/// The parts of |text| between separators; empty ones are left out, a newline always separates.
std::vector<std::string_view> split(std::string_view text, char separator);

/// |text| without white space at its end.
std::string_view trimmed(std::string_view text);

/// The whole of |text| as a decimal number.
template <class Number = std::uint64_t>
std::optional<Number> to_number(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

/// The number after "<key> " at the start of a line; negative ones, a kernel's mistake, are none.
std::optional<std::uint64_t> number_of(std::string_view text, std::string_view key);

/// Whether |word| is one of |words|.
bool has(const auto& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// As a bitmap: "0-2,5". Nothing for what is no list, or names a number above 65535.
std::optional<std::vector<bool>> to_set(std::string_view list);

}  // namespace contained::cgroup
