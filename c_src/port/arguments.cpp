#include "port/arguments.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace contained::port {
namespace {

std::optional<Victim> parse_victim(std::string_view text) {
  Victim victim;
  const char* const end = text.data() + text.size();
  const auto pid = std::from_chars(text.data(), end, victim.pid);
  if (pid.ec != std::errc{} || pid.ptr == end || *pid.ptr != ':' || victim.pid <= 1) return {};
  const auto start = std::from_chars(pid.ptr + 1, end, victim.start_time);
  if (start.ec != std::errc{} || start.ptr != end) return {};
  return victim;
}

Error refuse(std::string_view word) { return {EINVAL, Stage::kOption, std::string(word)}; }

Result<Arguments> parse_victims(std::span<char* const> words) {
  Arguments parsed{.mode = Arguments::Mode::kKill, .cgroup_base = {}, .victims = {}};
  for (const std::string_view word : words) {
    const auto victim = parse_victim(word);
    if (!victim) return refuse(word);
    parsed.victims.push_back(*victim);
  }
  return parsed;
}

}  // namespace

Result<Arguments> parse_arguments(std::span<char* const> arguments) {
  if (arguments.empty()) return Arguments{};
  const std::string_view first = arguments[0];
  if (first == "--kill" && arguments.size() > 1) return parse_victims(arguments.subspan(1));
  Arguments parsed;
  if (first == "--version" && arguments.size() == 1) {
    parsed.mode = Arguments::Mode::kVersion;
    return parsed;
  }
  if (first == "--cgroup-base" && arguments.size() == 2) {
    parsed.cgroup_base = arguments[1];
    return parsed;
  }
  return refuse(first);
}

}  // namespace contained::port
