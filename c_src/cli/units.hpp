// Sizes, times and numbers as they are typed and shown.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace contained::cli {

/// Digits and nothing else; nothing when it does not fit into |Number|.
template <class Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc{} || rest != end || text.empty()) return std::nullopt;
  return number;
}

/// "64M": a number of bytes, with b, k, m, g or t in either case (powers of 1024), and with an "iB"
/// or "B" after them.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// "500ms", "10s", "5m", "2h", "1d", "1w", "1M" (30 days), "1y" (365 days), and "1.5h"; a plain
/// number is of |plain_ms| milliseconds. In milliseconds, at most 2^40.
std::optional<std::uint64_t> parse_time(std::string_view text, std::uint64_t plain_ms = 1000);

/// "512B", "1.5K", "64M": three significant digits at most.
std::string format_size(std::uint64_t bytes);

/// "350ms", "12s", "5m03s", "2h05m", "3d04h".
std::string format_time(std::uint64_t milliseconds);

}  // namespace contained::cli
