// Options on the process itself: as whom, where, with which environment and attributes.
#include <fmt/format.h>

#include <string_view>

#include "cli/option_rows.hpp"
#include "cli/units.hpp"
#include "process/credentials.hpp"

namespace contained::cli {
namespace {

std::string take_user(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (value.empty()) return "a name or a number";
  options.user = value;
  return {};
}

std::string take_gid(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (value.empty()) return "a name or a number";
  options.group = value;
  return {};
}

std::string take_groups(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  options.groups = value.empty() ? std::vector<std::string>{} : split_at(value, ',');
  return {};
}

std::string take_env(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (value.empty() || value.front() == '=') return "NAME=VALUE, or NAME to remove it";
  auto pair = split_pair(value);
  if (pair) {
    options.start.env.emplace_back(std::move(pair->first), std::move(pair->second));
  } else {
    options.start.env.emplace_back(value, std::nullopt);
  }
  return {};
}

std::string take_arg0(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  options.arg0 = value;
  return {};
}

std::string take_directory(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (value.empty()) return "a directory";
  options.start.cd = value;
  return {};
}

std::optional<std::optional<std::uint64_t>> limit_number(const std::string& text) {
  if (text == "unlimited" || text == "infinity") return std::optional<std::uint64_t>();
  const auto number = parse_size(text);
  if (!number) return std::nullopt;
  return number;
}

std::string take_rlimit(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  constexpr const char* kAllowed =
      "NAME=SOFT or NAME=SOFT:HARD, numbers or unlimited; of setrlimit(2), such as nofile=256:512";
  const auto pair = split_pair(value);
  if (!pair || !process::resource_named(pair->first)) return kAllowed;
  const auto both = split_at(pair->second, ':');
  const auto soft = limit_number(both.front());
  const auto hard = limit_number(both.back());
  if (!soft || !hard || both.size() > 2) return kAllowed;
  if (*hard && (!*soft || **soft > **hard)) return "a soft limit that is not above the hard one";
  options.start.identity.rlimits.push_back({pair->first, *soft, *hard});
  return {};
}

// A number from |least| to |most|, into |target|.
template <class Number>
std::string take_number(const std::string& value, int least, int most,
                        std::optional<Number>& target) {
  const auto number = parse_number<int>(value);
  if (!number || *number < least || *number > most) return fmt::format("{} to {}", least, most);
  target = static_cast<Number>(*number);
  return {};
}

std::string take_nice(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  return take_number(value, -20, 19, options.start.identity.nice);
}

std::string take_oom(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  return take_number(value, -1000, 1000, options.start.identity.oom_score_adj);
}

std::string take_umask(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  const auto mask = parse_number<std::uint32_t>(value, 8);
  if (!mask || *mask > 0777) return "octal, 0 to 777";
  options.start.identity.umask = mask;
  return {};
}

protocol::Capabilities& capabilities_of(CommandOptions& options) {
  auto& capabilities = options.start.identity.capabilities;
  if (!capabilities) capabilities.emplace();
  return *capabilities;
}

std::string take_drop(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  auto& capabilities = capabilities_of(options);
  for (auto& name : split_at(value, ',')) {
    if (name == "all") {
      capabilities.drop_all = true;
    } else {
      capabilities.drop.push_back(std::move(name));
    }
  }
  return {};
}

std::string take_keep(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  auto& keep = capabilities_of(options).keep;
  if (!keep) keep.emplace();
  for (auto& name : split_at(value, ',')) keep->push_back(std::move(name));
  return {};
}

std::string take_ambient(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  auto& ambient = capabilities_of(options).ambient;
  for (auto& name : split_at(value, ',')) ambient.push_back(std::move(name));
  return {};
}

std::string take_clear(CommandOptions& options, const Row& /*row*/, const std::string& /*value*/) {
  options.start.clear_env = true;
  return {};
}

std::string take_no_new_privs(CommandOptions& options, const Row& /*row*/,
                              const std::string& /*value*/) {
  options.start.identity.no_new_privs = true;
  return {};
}

using enum Row::Kind;

constexpr Row kUserRows[] = {
    {"--uid,-u", "USER[:GROUP...]", "Runs as this user, a name or a number", take_user},
    {"--gid,-g", "GROUP", "With this group; else the user's", take_gid},
    {"--groups", "A,B", "With these supplementary groups; else the user's", take_groups},
    {"--env,-E", "NAME[=VALUE]", "Sets a variable, or removes it; repeatable", take_env, kRepeated},
    {"--clear-env", "", "Begins from an empty environment", take_clear, kFlag},
    {"--arg0", "NAME", "The name that it sees as its own; else as it was typed", take_arg0},
    {"--chdir,-C", "DIR", "Runs in this directory", take_directory},
    {"--rlimit", "NAME=SOFT[:HARD]", "Of setrlimit(2), such as nofile=256:512; repeatable",
     take_rlimit, kRepeated},
    {"--nice", "N", "-20 to 19", take_nice},
    {"--oom-score-adj", "N", "-1000 to 1000", take_oom},
    {"--umask", "OCTAL", "File mode creation mask", take_umask},
    {"--no-new-privs", "", "No program gains privileges by setuid or file capabilities",
     take_no_new_privs, kFlag},
    {"--cap-drop", "A,B", "Capabilities to drop, or all; repeatable", take_drop, kRepeated},
    {"--cap-keep", "A,B", "Capabilities to keep, and no others; repeatable", take_keep, kRepeated},
    {"--cap-ambient", "A,B", "Capabilities kept by a user who is not root; repeatable",
     take_ambient, kRepeated},
};

}  // namespace

Table user_table() { return {"Process", kUserRows}; }

}  // namespace contained::cli
