// Options on how long a command runs and how it is stopped; and the rest.
#include <fmt/format.h>

#include <csignal>

#include "base/signals.hpp"
#include "cli/debug.hpp"
#include "cli/option_rows.hpp"
#include "cli/units.hpp"

namespace contained::cli {
namespace {

constexpr const char* kTimes = "a time such as 500ms, 10s, 5m or 2h";
constexpr std::size_t kMostRungs = 16;
constexpr std::uint64_t kLongestGrace = 86'400'000;

std::string take_timeout(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  const auto time = parse_time(value);
  if (!time || *time == 0) return kTimes;
  options.start.timeout_ms = time;
  return {};
}

std::string take_grace(CommandOptions& options, const std::string& value, std::uint64_t plain) {
  const auto time = parse_time(value, plain);
  if (!time || *time > kLongestGrace) return std::string(kTimes) + ", at most a day";
  options.start.stop = {{SIGTERM, *time}};
  options.stop_said = true;
  return {};
}

std::string take_stop_timeout(CommandOptions& options, const Row& /*row*/,
                              const std::string& value) {
  return take_grace(options, value, 1000);
}

std::string take_delay(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  return take_grace(options, value, 1);
}

std::string take_ladder(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  constexpr const char* kAllowed =
      "SIGNAL:TIME, at most 16 of them with commas, such as TERM:5s,INT:500ms; or kill";
  protocol::Ladder ladder;
  for (const auto& rung : value == "kill" ? std::vector<std::string>{} : split_at(value, ',')) {
    const auto pair = split_pair(rung, ':');
    const auto signal = pair ? signal_named(pair->first) : std::nullopt;
    const auto grace = pair ? parse_time(pair->second) : std::nullopt;
    if (!signal || !grace || *grace > kLongestGrace) return kAllowed;
    ladder.push_back({*signal, *grace});
  }
  if (ladder.size() > kMostRungs) return kAllowed;
  options.start.stop = std::move(ladder);
  options.stop_said = true;
  return {};
}

std::string take_target(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (value != "all" && value != "leader") return "all or leader";
  options.start.signal_to = value == "all" ? protocol::Target::kAll : protocol::Target::kLeader;
  return {};
}

std::string take_linger(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (value == "leave") return "kill or wait: nothing outlives the one that has started it";
  if (value != "wait" && value != "kill") return "kill or wait";
  options.start.linger = value == "wait" ? protocol::Linger::kEmpty : protocol::Linger::kKill;
  options.linger_said = true;
  return {};
}

// The work is done before the parsing, see split_line().
std::string take_config(CommandOptions& /*options*/, const Row& /*row*/,
                        const std::string& /*value*/) {
  return {};
}

std::string take_verbose(CommandOptions& options, const Row& /*row*/,
                         const std::string& /*value*/) {
  options.verbose = kTellAll;
  return {};
}

using enum Row::Kind;

constexpr Row kLifeRows[] = {
    {"--timeout", "TIME", "Stops it after so long", take_timeout},
    {"--stop", "SIGNAL:TIME,...",
     "How it is stopped: each signal and how long to wait, then SIGKILL", take_ladder},
    {"--stop-timeout", "TIME", "The same as --stop TERM:TIME", take_stop_timeout},
    {"--delay-to-sigkill,-k", "MS", "The same, a plain number in milliseconds", take_delay},
    {"--signal-to", "all|leader", "Whom the signals of a stop reach", take_target},
    {"--linger", "kill|wait",
     "What is left when the command has exited: kill, or wait until it has ended "
     "by itself",
     take_linger},
    {"--config", "FILE",
     "Lines 'name value' of these options; CONTAINED_OPTIONS and the command "
     "line come after it",
     take_config},
    {"--verbose,-v", "",
     "Tells on stderr what is done; part of it by CONTAINED_DEBUG=spawn,cgroup,signal",
     take_verbose, kFlag},
};

}  // namespace

Table life_table() { return {"Life", kLifeRows}; }

}  // namespace contained::cli
