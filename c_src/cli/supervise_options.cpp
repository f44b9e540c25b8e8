#include "cli/supervise_options.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <span>
#include <string_view>

#include "cli/option_rows.hpp"
#include "cli/units.hpp"
#include "process/credentials.hpp"

namespace contained::cli {
namespace {

constexpr const char* kSupervision = "Supervision";
constexpr const char* kSomeTime = "a time such as 500ms, 10s, 5m or 2h";
constexpr std::uint64_t kDefaultGraceMs = 5000;

// ---- Flags

struct SuperviseFlag {
  const char* names;
  bool& (*field)(SuperviseOptions& options);
  const char* help;
};

// A name with an exclamation mark takes the flag back.
constexpr SuperviseFlag kSuperviseFlags[] = {
    {"--no-daemon,-n,!--daemon", [](SuperviseOptions& to) -> bool& { return to.foreground; },
     "Stays in the foreground, at the terminal"},
    {"--once,-1,!--no-once", [](SuperviseOptions& to) -> bool& { return to.policy.once; },
     "Until the command exits with 0"},
    {"--stderr-redir,-e,!--no-stderr-redir",
     [](SuperviseOptions& to) -> bool& { return to.stderr_too; },
     "The command's stderr goes where its stdout goes"},
    {"--cmd-sigs,-s,!--no-cmd-sigs",
     [](SuperviseOptions& to) -> bool& { return to.policy.signals_to_command; },
     "Passes CONT, ALRM, QUIT, USR1, USR2 and HUP on to the command"},
    {"--log-sigs,-S,!--no-log-sigs",
     [](SuperviseOptions& to) -> bool& { return to.policy.signals_to_logger; },
     "The same, to the log command"},
    {"--info-times", [](SuperviseOptions& to) -> bool& { return to.info_times; },
     "Lines of --write-info begin with the time (RFC 3339)"},
    {"--dry-run", [](SuperviseOptions& to) -> bool& { return to.dry_run; },
     "Prints what would be done, as JSON"},
};

// ---- Options with a value; a taker returns what is allowed when it is not

template <auto kField>
std::string take_path(SuperviseOptions& to, const std::string& value) {
  to.*kField = value;
  return value.empty() ? "a path" : "";
}

std::string take_respawns(SuperviseOptions& to, const std::string& value) {
  to.policy.most_restarts = parse_number<std::uint64_t>(value);
  return to.policy.most_restarts || value == "-1" ? "" : "a number, or -1 for no limit";
}

std::string take_interval(SuperviseOptions& to, const std::string& value) {
  to.policy.interval = parse_time(value);
  return to.policy.interval ? "" : kSomeTime;
}

std::string take_load(const std::string& value, std::optional<double>& load) {
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  const bool good = end != value.c_str() && *end == '\0' && std::isfinite(number) && number >= 0;
  if (good) load = number;
  return good ? "" : "a load such as 4.0";
}

std::string take_load_high(SuperviseOptions& to, const std::string& value) {
  return take_load(value, to.load_high);
}

std::string take_load_low(SuperviseOptions& to, const std::string& value) {
  return take_load(value, to.load_low);
}

std::string take_log_user(SuperviseOptions& to, const std::string& value);

std::string take_log_grace(SuperviseOptions& to, const std::string& value) {
  const auto time = parse_time(value);
  to.policy.logger_grace = time.value_or(0);
  return time ? "" : kSomeTime;
}

// "1s:1m:2"
std::string take_backoff(SuperviseOptions& to, const std::string& value) {
  constexpr const char* kAllowed = "MIN:MAX or MIN:MAX:FACTOR, such as 1s:1m:2; MIN at most MAX";
  const auto parts = split_at(value, ':');
  if (parts.size() < 2 || parts.size() > 3) return kAllowed;
  const auto min = parse_time(parts[0]);
  const auto max = parse_time(parts[1]);
  std::optional<double> factor = to.policy.backoff.factor;
  const bool numbers = parts.size() == 2 || take_load(parts[2], factor).empty();
  if (!min || !max || *min > *max || !numbers || *factor < 1) return kAllowed;
  to.policy.backoff = {*min, *max, *factor};
  return {};
}

// "5/1m"
std::string take_burst(SuperviseOptions& to, const std::string& value) {
  const auto parts = split_at(value, '/');
  const auto restarts = parse_number<std::uint64_t>(parts.front());
  const auto window = parts.size() == 2 ? parse_time(parts[1]) : std::nullopt;
  if (!restarts || !window || *window == 0) return "a number and a time, such as 5/1m";
  to.policy.burst = supervise::Burst{*restarts, *window};
  return {};
}

// ---- Resource limits, by the names that dmon has for them

struct LimitName {
  std::string_view dmon;
  std::string_view ours;
};
constexpr LimitName kLimitNames[] = {
    {"vmem", "as"},       {"core", "core"},     {"cpu", "cpu"},
    {"data", "data"},     {"fsize", "fsize"},   {"locks", "locks"},
    {"mlock", "memlock"}, {"msgq", "msgqueue"}, {"nice", "nice"},
    {"files", "nofile"},  {"nproc", "nproc"},   {"rss", "rss"},
    {"rtprio", "rtprio"}, {"rttime", "rttime"}, {"sigpending", "sigpending"},
    {"stack", "stack"},
};

std::string_view limit_called(const std::string& name) {
  for (const auto& known : kLimitNames) {
    if (name == known.dmon || name == known.ours) return known.ours;
  }
  return {};
}

// Of RLIMIT_CPU in seconds, of everything else bytes or a number.
std::optional<std::uint64_t> limit_value(std::string_view name, const std::string& value) {
  if (name != "cpu") return parse_size(value);
  const auto time = parse_time(value);
  if (!time) return {};
  return *time / 1000;
}

std::string take_soft_limit(SuperviseOptions& to, const std::string& value) {
  if (value == "help") {
    to.list_limits = true;
    return {};
  }
  const auto pair = split_pair(value);
  const auto name = pair ? limit_called(pair->first) : std::string_view();
  const auto soft = name.empty() ? std::nullopt : limit_value(name, pair->second);
  if (!soft) return "NAME=VALUE, such as files=256 or vmem=1g; '-r help' lists the names";
  rlimit now = {};
  ::getrlimit(static_cast<__rlimit_resource>(*process::resource_named(name)), &now);
  const bool endless = now.rlim_max == RLIM_INFINITY;
  if (!endless && *soft > now.rlim_max) return fmt::format("at most {} here", now.rlim_max);
  const auto hard = endless ? std::nullopt : std::optional<std::uint64_t>(now.rlim_max);
  to.soft_limits.push_back({std::string(name), soft, hard});
  return {};
}

// ---- Users

// "user:group:group": his own group, and these or else all that he has beside it.
std::string take_user_and_groups(CommandOptions& to, const std::string& value) {
  auto parts = split_at(value, ':');
  const bool named = std::none_of(parts.begin(), parts.end(),
                                  [](const std::string& part) { return part.empty(); });
  if (!named) return "USER or USER:GROUP:..., names or numbers";
  to.user = parts.front();
  if (parts.size() > 1) to.user_groups.emplace(parts.begin() + 1, parts.end());
  return {};
}

std::string take_cmd_user(CommandOptions& to, const Row& /*row*/, const std::string& value) {
  return take_user_and_groups(to, value);
}

std::string take_log_user(SuperviseOptions& to, const std::string& value) {
  return take_user_and_groups(to.logger, value);
}

struct SuperviseValue {
  const char* names;
  const char* type;
  const char* help;
  std::string (*take)(SuperviseOptions& options, const std::string& value);
  bool repeated = false;
};
constexpr SuperviseValue kSuperviseValues[] = {
    {"--max-respawns,-m", "N", "Starts it again so often at most, whatever its status",
     take_respawns},
    {"--interval,-i", "TIME", "From an exit with 0 to the next start", take_interval},
    {"--backoff", "MIN:MAX[:FACTOR]",
     "Between two starts; longer after each failure, anew after MAX without one [1s:1m:2]",
     take_backoff},
    {"--max-restarts", "N/TIME", "Gives up at more restarts within the time", take_burst},
    {"--load-high,-L", "LOAD", "Pauses the command above this load", take_load_high},
    {"--load-low,-l", "LOAD", "Resumes it at this load [half of --load-high]", take_load_low},
    {"--load-file", "PATH", "Where the load stands, a number in front [/proc/loadavg]",
     take_path<&SuperviseOptions::load_file>},
    {"--pid-file,-p", "PATH", "Our process id; locked, and removed at the end",
     take_path<&SuperviseOptions::pid_file>},
    {"--cmd-pid-file", "PATH", "The same, of the command: each run's",
     take_path<&SuperviseOptions::cmd_pid_file>},
    {"--write-info,-I", "PATH", "A line for each thing that happens; also into a FIFO",
     take_path<&SuperviseOptions::info_file>},
    {"--work-dir,-W", "DIR", "Our directory; all other relative paths begin here",
     take_path<&SuperviseOptions::work_dir>},
    {"--soft-limit,-r", "NAME=VALUE",
     "Soft resource limit of both commands; '-r help' lists them; repeatable", take_soft_limit,
     true},
    {"--log-user,-U", "USER[:GROUP...]", "As --cmd-user, of the log command", take_log_user},
    {"--syslog-socket", "PATH", "Where our own messages go once stderr is gone [/dev/log]",
     take_path<&SuperviseOptions::syslog_socket>},
    {"--log-grace", "TIME", "How long the log command has for the last words [5s]", take_log_grace},
};

// Options of `run` under the names of dmon.
constexpr Row kRenamedRows[] = {
    {"--cmd-user,-u,--uid", "USER[:GROUP...]",
     "Runs as this user, with his group and these others; else with all that he has",
     take_cmd_user},
};
struct MoreNames {
  const char* name;
  const char* all;
};
constexpr MoreNames kMoreNames[] = {
    {"--env", "--env,-E,--environ"},
    {"--timeout", "--timeout,-t"},
    {"--config", "--config,-C"},
};

const Row* row_called(std::string_view name) {
  for (const auto& table : {user_table(), life_table()}) {
    for (const auto& row : table.rows) {
      const std::string_view names(row.names);
      if (names.substr(0, names.find(',')) == name) return &row;
    }
  }
  return nullptr;
}

// Taken out and put back with more names.
void rename_options(CLI::App& app, CommandOptions& options) {
  static std::array<Row, std::size(kMoreNames)> rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows.at(i) = *row_called(kMoreNames[i].name);
    rows.at(i).names = kMoreNames[i].all;
    app.remove_option(app.get_option(kMoreNames[i].name));
  }
  app.remove_option(app.get_option("--uid"));
  add_rows(app, {"Process", kRenamedRows}, options, ShortNames::kFree);
  add_rows(app, {"Process", rows}, options, ShortNames::kFree);
}

void add_value(CLI::App& app, const SuperviseValue& value, SuperviseOptions& options) {
  const auto take = [&value, &options](const CLI::results_t& texts) {
    for (const auto& text : texts) {
      const auto allowed = value.take(options, text);
      if (!allowed.empty()) refuse_value(value.names, text, allowed);
    }
    return true;
  };
  auto* const option = app.add_option(value.names, take, value.help);
  option->type_name(value.type)->group(kSupervision);
  if (!value.repeated) {
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    return;
  }
  option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

// ---- Together

void settle_load(SuperviseOptions& options) {
  if (!options.load_high) {
    if (options.load_low) throw CLI::ValidationError("--load-low", "needs --load-high");
    return;
  }
  const double low = options.load_low.value_or(*options.load_high / 2);
  if (low > *options.load_high) {
    throw CLI::ValidationError("--load-low",
                               fmt::format("{}: at most --load-high, {}", low, *options.load_high));
  }
  options.policy.load = supervise::LoadLimits{*options.load_high, low};
}

void settle_command(SuperviseOptions& options) {
  auto& start = options.command.start;
  options.policy.timeout = start.timeout_ms;
  start.timeout_ms.reset();
  if (!options.command.stop_said) start.stop = {{SIGTERM, kDefaultGraceMs}};
  start.keep_session = options.foreground;
  auto& limits = start.identity.rlimits;
  limits.insert(limits.end(), options.soft_limits.begin(), options.soft_limits.end());
  if (options.stderr_too) start.err = protocol::Output::kStdout;
}

// It has its own session also at a terminal, where ^C would cost the last words.
void settle_logger(SuperviseOptions& options, const std::vector<std::string>& words) {
  auto& start = options.logger.start;
  start.env = options.command.start.env;
  start.clear_env = options.command.start.clear_env;
  start.stop = options.command.start.stop;
  start.identity.rlimits = options.soft_limits;
  try {
    finish(options.logger, words);
  } catch (const CLI::ValidationError& error) {
    throw CLI::ValidationError("log command", error.what());
  }
  options.policy.has_logger = true;
}

}  // namespace

void add_supervise_options(CLI::App& app, SuperviseOptions& options) {
  options.command.user_option = "--cmd-user";
  options.logger.user_option = "--log-user";
  for (const auto& flag : kSuperviseFlags) {
    app.add_flag(flag.names, flag.field(options), flag.help)->group(kSupervision);
  }
  for (const auto& value : kSuperviseValues) add_value(app, value, options);
  add_command_options(app, options.command, ShortNames::kTaken);
  rename_options(app, options.command);
}

void finish(SuperviseOptions& options, const std::vector<std::string>& words) {
  if (options.policy.once && options.policy.interval) {
    throw CLI::ValidationError("--interval", "and --once exclude each other");
  }
  settle_load(options);
  settle_command(options);
  const auto dashes = std::find(words.begin(), words.end(), "--");
  finish(options.command, {words.begin(), dashes});
  if (dashes == words.end()) {
    if (options.logger.user) throw CLI::ValidationError("--log-user", "there is no log command");
    if (options.policy.signals_to_logger) {
      throw CLI::ValidationError("--log-sigs", "there is no log command");
    }
    return;
  }
  settle_logger(options, {dashes + 1, words.end()});
}

std::string limit_names() {
  std::string text;
  for (const auto& known : kLimitNames) text += fmt::format("{} ({})\n", known.dmon, known.ours);
  return text;
}

}  // namespace contained::cli
