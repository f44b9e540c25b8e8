#include "port/arguments.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace contained::port {
namespace {

using Words = std::span<char* const>;

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

Arguments in_mode(Arguments::Mode mode) {
  Arguments parsed;
  parsed.mode = mode;
  return parsed;
}

Arguments sink_arguments(Words words) {
  auto parsed = in_mode(Arguments::Mode::kSink);
  parsed.sink = words;
  return parsed;
}

Arguments lock_arguments(const char* path) {
  auto parsed = in_mode(Arguments::Mode::kLock);
  parsed.lock = path;
  return parsed;
}

Result<Arguments> parse_victims(Words words) {
  auto parsed = in_mode(Arguments::Mode::kKill);
  for (const std::string_view word : words) {
    const auto victim = parse_victim(word);
    if (!victim) return refuse(word);
    parsed.victims.push_back(*victim);
  }
  return parsed;
}

// ---- --identity

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return parts;
}

// Each field once; a value is any text but the empty one, which only `groups` may have.
bool take_field(std::string_view word, process::IdentityRequest& identity) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  const auto field = word.substr(0, equals);
  const auto value = word.substr(equals + 1);
  if (field == "groups" && !identity.groups) {
    identity.groups = split(value);
    return true;
  }
  auto* const slot = field == "user" ? &identity.user : &identity.group;
  if ((field != "user" && field != "group") || value.empty() || *slot) return false;
  *slot = value;
  return true;
}

Result<Arguments> parse_identity(Words words) {
  auto parsed = in_mode(Arguments::Mode::kIdentity);
  for (const std::string_view word : words) {
    if (!take_field(word, parsed.identity)) return refuse(word);
  }
  return parsed;
}

// ---- Serving

constexpr std::string_view kContainments[] = {"auto",   "required", "cgroup2",
                                              "hybrid", "cgroup1",  "best_effort"};

bool take_containment(std::string_view word, Arguments& parsed) {
  const auto* found = std::find(std::begin(kContainments), std::end(kContainments), word);
  if (found == std::end(kContainments)) return false;
  parsed.containment = word;
  return true;
}

// Takes an option that has a value, from the front of |words|.
bool take_option(Words words, Arguments& parsed) {
  const std::string_view option = words[0];
  if (words.size() < 2) return false;
  if (option == "--containment") return take_containment(words[1], parsed);
  if (option != "--cgroup-base") return false;
  parsed.cgroup_base = words[1];
  return true;
}

Result<Arguments> parse_serving(Words words) {
  Arguments parsed;
  while (!words.empty()) {
    std::size_t taken = 1;
    if (std::string_view(words[0]) == "--take-over") {
      parsed.take_over = true;
    } else {
      if (!take_option(words, parsed)) return refuse(words[0]);
      taken = 2;
    }
    words = words.subspan(taken);
  }
  return parsed;
}

}  // namespace

Result<Arguments> parse_arguments(Words arguments) {
  if (arguments.empty()) return Arguments{};
  const std::string_view first = arguments[0];
  if (first == "--kill" && arguments.size() > 1) return parse_victims(arguments.subspan(1));
  if (first == "--identity" && arguments.size() > 1) return parse_identity(arguments.subspan(1));
  if (first == "--sink" && arguments.size() > 1) return sink_arguments(arguments.subspan(1));
  if (first == "--lock" && arguments.size() == 2) return lock_arguments(arguments[1]);
  if (first == "--probe" && arguments.size() == 1) return in_mode(Arguments::Mode::kProbe);
  if (first == "--version" && arguments.size() == 1) return in_mode(Arguments::Mode::kVersion);
  return parse_serving(arguments);
}

}  // namespace contained::port
