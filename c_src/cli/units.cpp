#include "cli/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <csignal>

namespace contained::cli {
namespace {

constexpr std::uint64_t kLongestTime = std::uint64_t{1} << 40;

struct TimeUnit {
  std::string_view name;
  std::uint64_t milliseconds;
};
constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kDay = 86'400 * kSecond;
constexpr TimeUnit kTimeUnits[] = {
    {"ms", 1},   {"s", kSecond},  {"m", 60 * kSecond}, {"h", 3600 * kSecond},
    {"d", kDay}, {"w", 7 * kDay}, {"M", 30 * kDay},    {"y", 365 * kDay},
};

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

// The digits at the front of |text|, which loses them.
std::string_view take_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

// |whole|.|part| times |unit|, rounded down; nothing when that is too much.
std::optional<std::uint64_t> scaled(std::string_view whole, std::string_view part,
                                    std::uint64_t unit) {
  const auto number = parse_number<std::uint64_t>(whole);
  std::uint64_t product = 0;
  if (!number || __builtin_mul_overflow(*number, unit, &product)) return std::nullopt;
  double fraction = 0;
  for (auto digit = part.rbegin(); digit != part.rend(); ++digit) {
    fraction = (fraction + (*digit - '0')) / 10;
  }
  const auto more = static_cast<std::uint64_t>(fraction * static_cast<double>(unit));
  if (__builtin_add_overflow(product, more, &product)) return std::nullopt;
  return product;
}

// "1.5" and what follows it.
struct Quantity {
  std::string_view whole;
  std::string_view part;
  std::string_view unit;
};
std::optional<Quantity> split_quantity(std::string_view text) {
  Quantity quantity;
  quantity.whole = take_digits(text);
  if (quantity.whole.empty()) return std::nullopt;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    quantity.part = take_digits(text);
    if (quantity.part.empty()) return std::nullopt;
  }
  quantity.unit = text;
  return quantity;
}

std::optional<std::uint64_t> size_unit(std::string_view unit) {
  if (unit.empty() || unit == "b" || unit == "B") return 1;
  constexpr std::string_view kLetters = "kmgt";
  const auto letter = static_cast<char>(std::tolower(static_cast<unsigned char>(unit.front())));
  const auto power = kLetters.find(letter);
  const auto rest = unit.substr(1);
  if (power == std::string_view::npos || !(rest.empty() || rest == "iB" || rest == "B")) return {};
  return std::uint64_t{1} << (10 * (power + 1));
}

std::optional<std::uint64_t> time_unit(std::string_view unit, std::uint64_t plain) {
  if (unit.empty()) return plain;
  for (const auto& known : kTimeUnits) {
    if (known.name == unit) return known.milliseconds;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto quantity = split_quantity(text);
  const auto unit = quantity ? size_unit(quantity->unit) : std::nullopt;
  return unit ? scaled(quantity->whole, quantity->part, *unit) : std::nullopt;
}

std::optional<std::uint64_t> parse_time(std::string_view text, std::uint64_t plain_ms) {
  const auto quantity = split_quantity(text);
  const auto unit = quantity ? time_unit(quantity->unit, plain_ms) : std::nullopt;
  const auto time = unit ? scaled(quantity->whole, quantity->part, *unit) : std::nullopt;
  return time && *time <= kLongestTime ? time : std::nullopt;
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::string_view kUnits = "BKMGT";
  auto value = static_cast<double>(bytes);
  std::size_t power = 0;
  for (; value >= 1024 && power + 1 < kUnits.size(); ++power) value /= 1024;
  const bool decimal = power > 0 && value < 9.95;
  return fmt::format("{:.{}f}{}", value, decimal ? 1 : 0, kUnits[power]);
}

std::string format_time(std::uint64_t milliseconds) {
  const auto seconds = milliseconds / kSecond;
  const auto pair = [](std::uint64_t most, char unit, std::uint64_t least, char small) {
    return fmt::format("{}{}{:02}{}", most, unit, least, small);
  };
  if (seconds == 0) return fmt::format("{}ms", milliseconds);
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return pair(seconds / 60, 'm', seconds % 60, 's');
  if (seconds < 86'400) return pair(seconds / 3600, 'h', seconds / 60 % 60, 'm');
  return pair(seconds / 86'400, 'd', seconds / 3600 % 24, 'h');
}

}  // namespace contained::cli
