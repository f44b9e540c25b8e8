#include "cgroup/text.hpp"

#include <algorithm>

namespace contained::cgroup {
namespace {

constexpr std::size_t kHighestInSet = 65535;

// "5" or "0-2" into |set|.
bool add_range(std::string_view range, std::vector<bool>& set) {
  const auto first = to_number<std::size_t>(cut(range, '-'));
  const auto last = range.empty() ? first : to_number<std::size_t>(range);
  if (!first || !last || *first > *last || *last > kHighestInSet) return false;
  if (set.size() <= *last) set.resize(*last + 1);
  std::fill(set.begin() + static_cast<std::ptrdiff_t>(*first),
            set.begin() + static_cast<std::ptrdiff_t>(*last) + 1, true);
  return true;
}

}  // namespace

std::string_view cut(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const auto head = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return head;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    auto line = cut(text, '\n');
    while (!line.empty()) {
      const auto part = cut(line, separator);
      if (!part.empty()) parts.push_back(part);
    }
  }
  return parts;
}

std::string_view trimmed(std::string_view text) {
  const auto last = text.find_last_not_of(" \n\t\r");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::optional<std::uint64_t> number_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const auto line = cut(text, '\n');
    if (!line.starts_with(key) || line.substr(key.size(), 1) != " ") continue;
    return to_number(line.substr(key.size() + 1));
  }
  return std::nullopt;
}

std::optional<std::vector<bool>> to_set(std::string_view list) {
  std::vector<bool> set;
  for (const auto range : split(list, ',')) {
    if (!add_range(range, set)) return std::nullopt;
  }
  return set;
}

}  // namespace contained::cgroup
