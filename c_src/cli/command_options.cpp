#include "cli/command_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "cli/controllers.hpp"
#include "cli/debug.hpp"
#include "cli/mentioned.hpp"
#include "cli/option_rows.hpp"
#include "process/identity.hpp"

namespace contained::cli {
namespace {

// What execvp(3) has where there is no PATH.
constexpr const char* kDefaultPath = "/bin:/usr/bin";

// "--uid,-u" without the letters.
std::string names_for(const char* names, ShortNames shorts) {
  std::string all(names);
  if (shorts == ShortNames::kTaken) {
    const auto letter = all.find(",-");
    if (letter != std::string::npos && all[letter + 2] != '-') all.erase(letter);
  }
  return all;
}

// The value that holds of |name| for the command: its own, or ours.
std::optional<std::string> variable_of(const protocol::Start& start, const char* name) {
  const auto said = std::find_if(start.env.rbegin(), start.env.rend(),
                                 [name](const auto& change) { return change.first == name; });
  if (said != start.env.rend()) return said->second;
  if (start.clear_env) return std::nullopt;
  const char* const ours = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return ours == nullptr ? std::nullopt : std::optional<std::string>(ours);
}

void find_program(protocol::Start& start) {
  start.program = start.args.front();
  if (start.program.empty()) throw CLI::ValidationError("COMMAND", "must not be empty");
  if (start.program.find('/') != std::string::npos) return;
  start.path = variable_of(start, "PATH").value_or(kDefaultPath);
}

// "user:group:more:groups", as dmon has it.
process::IdentityRequest identity_request(const CommandOptions& options) {
  process::IdentityRequest request{std::nullopt, options.group, options.groups};
  if (options.user_groups) request.groups = options.user_groups;
  if (!options.user) return request;
  auto parts = split_at(*options.user, ':');
  request.user = parts.front();
  if (parts.size() > 1) request.group = parts[1];
  if (parts.size() > 2) request.groups.emplace(parts.begin() + 2, parts.end());
  return request;
}

std::string why_no_identity(const Error& error, const std::string& culprit) {
  if (error.code == EINVAL) {
    return fmt::format("is needed: there is no user {} whose group it could be", culprit);
  }
  if (error.code != ENOENT) return fmt::format("{}: {}", culprit, errno_name(error.code));
  return fmt::format("{}: no such {}, give a name or a number", culprit,
                     error.subject == "user" ? "user" : "group");
}

// The option by which the value of a field, "user", "group" or "groups", was said.
const char* option_of_field(const CommandOptions& options, const std::string& field) {
  const auto parts = options.user ? split_at(*options.user, ':').size() : 0;
  if (field == "user" || (field == "group" && parts > 1)) return options.user_option;
  if (field == "group") return "--gid";
  return parts > 2 || options.user_groups ? options.user_option : "--groups";
}

void check_groups(const CommandOptions& options) {
  if (!options.groups || option_of_field(options, "groups") != options.user_option) return;
  throw CLI::ValidationError(
      "--groups", fmt::format("and groups behind {} exclude each other", options.user_option));
}

void look_up_identity(CommandOptions& options) {
  if (!options.user && !options.group && !options.groups) return;
  check_groups(options);
  std::string culprit;
  auto found = process::look_up(identity_request(options), culprit);
  if (!found) {
    const auto& error = found.error();
    throw CLI::ValidationError(option_of_field(options, error.subject),
                               why_no_identity(error, culprit));
  }
  auto& identity = options.start.identity;
  identity.uid = found->uid;
  identity.gid = found->gid;
  if (found->groups) identity.groups.emplace(found->groups->begin(), found->groups->end());
}

}  // namespace

CommandOptions::CommandOptions() {
  start.id = 1;
  start.in = protocol::Stdin::kInherit;
  start.out = protocol::Output::kInherit;
  start.err = protocol::Output::kInherit;
  start.linger = protocol::Linger::kKill;
  start.keep_arg0 = true;
}

std::optional<std::pair<std::string, std::string>> split_pair(const std::string& text,
                                                              char separator) {
  const auto at = text.find(separator);
  if (at == std::string::npos || at == 0) return std::nullopt;
  return std::pair(text.substr(0, at), text.substr(at + 1));
}

void refuse_value(std::string_view names, const std::string& value, std::string_view allowed) {
  throw CLI::ValidationError(std::string(names.substr(0, names.find(','))),
                             fmt::format("{}: {}", value, allowed));
}

std::vector<std::string> split_at(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

void add_rows(CLI::App& app, const Table& table, CommandOptions& options, ShortNames shorts) {
  for (const auto& row : table.rows) {
    if (!is_mentioned(row.names)) continue;
    const auto names = names_for(row.names, shorts);
    const auto take = [&row, &options](const CLI::results_t& values) {
      for (const auto& value : values) {
        const auto allowed = row.take(options, row, value);
        if (!allowed.empty()) refuse_value(row.names, value, allowed);
      }
      return true;
    };
    if (row.kind == Row::Kind::kFlag) {
      app.add_flag_callback(
             names, [take] { take({"true"}); }, row.help)
          ->group(table.title);
      continue;
    }
    auto* const option = app.add_option(names, take, row.help);
    option->type_name(row.type)->group(table.title);
    if (row.kind == Row::Kind::kRepeated) {
      option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    } else {
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
}

void add_command_options(CLI::App& app, CommandOptions& options, ShortNames shorts) {
  app.prefix_command();
  for (const auto& table : {group_table(), user_table(), isolation_table(), life_table()}) {
    add_rows(app, table, options, shorts);
  }
}

void finish(CommandOptions& options, const std::vector<std::string>& words) {
  if (words.empty()) throw CLI::ValidationError("COMMAND", "is missing");
  options.start.args = words;
  find_program(options.start);
  if (options.arg0) options.start.args.front() = *options.arg0;
  look_up_identity(options);
  apply_controllers(options);
  const char* const debug = std::getenv("CONTAINED_DEBUG");  // NOLINT(concurrency-mt-unsafe)
  if (debug != nullptr) options.verbose |= areas_of(debug);
  tell_plan(options);
}

}  // namespace contained::cli
