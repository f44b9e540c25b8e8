#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "cli/command_options.hpp"
#include "cli/debug.hpp"
#include "cli/exit_codes.hpp"
#include "cli/job_commands.hpp"
#include "cli/option_rows.hpp"
#include "cli/plan.hpp"
#include "cli/report.hpp"
#include "cli/units.hpp"
#include "cli/wire.hpp"
#include "cli/words.hpp"
#include "engine/not_started.hpp"
#include "job/claim.hpp"
#include "job/keeper.hpp"

namespace contained::cli {
namespace {

constexpr std::uint64_t kLogSize = 64U << 20;
constexpr std::uint32_t kLogKeep = 5;
constexpr std::uint64_t kStopGraceMs = 5000;

struct JobRun {
  SpaceName space;
  std::string name;
  CommandOptions command;
  bool wire = false;
  bool as_lanco = false;
  bool foreground = false;
  bool dry_run = false;
  bool no_log = false;
  bool log_too = false;  ///< -L: also in the foreground
  std::string log_file;  ///< -l
  std::string cwd;
  std::string on_exit;
  std::uint64_t log_size = kLogSize;
  std::uint64_t log_every_ms = 0;
  std::uint32_t log_keep = kLogKeep;
  bool log_gzip = false;
  bool log_timestamp = false;
  bool log_block = false;

  bool logs() const { return !no_log && (!foreground || log_too || !log_file.empty()); }
};

constexpr const char* kJobRunFooter =
    "Exit codes: 0 once the command has been executed, 1 when a job of that name runs, 126 when "
    "the "
    "program cannot\nbe executed, 127 when it is not found, 125 for other failures. With -f the "
    "job's own.\n\n"
    "Examples:\n"
    "  contained job builds run --memory 1G --on-exit 'logger \"$CONTAINED_NAME: "
    "$CONTAINED_STATUS\"' nightly make all\n"
    "  contained job builds run -f -L once ./script\n";

// An option with a value of which |take| says whether it is one that is |allowed|.
struct Value {
  const char* names;
  const char* type;
  const char* allowed;
  const char* help;
  bool (*take)(JobRun& to, const std::string& text);
};

bool take_log(JobRun& to, const std::string& text) {
  to.log_file = text;
  return !text.empty();
}

bool take_kept(JobRun& to, const std::string& text) {
  const auto count = parse_number<std::uint32_t>(text);
  to.log_keep = count.value_or(0);
  return count.has_value();
}

bool take_size(JobRun& to, const std::string& text) {
  const auto size = parse_size(text);
  to.log_size = size.value_or(0);
  return size.has_value();
}

bool take_log_every(JobRun& to, const std::string& text) {
  to.log_every_ms = parse_time(text).value_or(0);
  return to.log_every_ms >= 1000;
}

// 0: none, as lanco has it
bool take_memory(JobRun& to, const std::string& text) {
  const auto bytes = parse_size(text);
  if (bytes.value_or(0) > 0) {
    to.command.start.placement.limits.push_back({"memory", std::to_string(*bytes)});
  }
  return bytes.has_value();
}

constexpr Value kValues[] = {
    {"-m", "BYTES", "a size such as 64M", "The same as --memory; 0: no limit", take_memory},
    {"--log,-l", "FILE", "a path", "Log to this file, not to the namespace's logs", take_log},
    {"--keep", "N", "a number of files", "So many old logs are kept (default 5)", take_kept},
    {"--log-size", "SIZE", "a size such as 64M, 0 for none",
     "Begin a new log at this size (default 64M)", take_size},
    {"--log-every", "TIME", "a time such as 1h or 1d, 1s or more",
     "Begin a new log each hour, day, ... (UTC)", take_log_every}};

void add_values(CLI::App& command, JobRun& asked) {
  for (const auto& value : kValues) {
    const auto take = [&value, &asked](const std::string& text) {
      if (!value.take(asked, text)) refuse_value(value.names, text, value.allowed);
    };
    command.add_option_function<std::string>(value.names, take, value.help)->type_name(value.type);
  }
}

void add_log_flags(CLI::App& command, JobRun& asked) {
  command.add_flag("-L,--log-too", asked.log_too, "With -f: log, and not to our output");
  command.add_flag("--no-log", asked.no_log, "Do not log")
      ->excludes("--log")
      ->excludes("--log-too");
  command.add_flag("--log-gzip", asked.log_gzip, "Compress old logs");
  command.add_flag("--log-timestamp", asked.log_timestamp, "Begin each line with the time (UTC)");
  command.add_flag("--log-block", asked.log_block,
                   "While the log cannot be written: hold the job, not drop its output");
}

// A keeper works elsewhere: what is relative must be known now.
Status settle_paths(JobRun& asked) {
  std::error_code error;
  const auto here = std::filesystem::current_path(error);
  asked.cwd = here.string();
  const bool in_log = !asked.log_file.empty() && !asked.log_file.starts_with('/');
  const auto& cd = asked.command.start.cd;
  const bool in_start = !asked.foreground && !(cd && cd->starts_with('/'));
  if (error && (in_log || in_start)) {
    return Error{error.value(), Stage::kChdir, "the current directory"};
  }
  if (!asked.log_file.empty()) {
    asked.log_file = (here / asked.log_file).lexically_normal().string();
  }
  return Done{};
}

std::vector<std::string> log_words(const JobRun& asked, const std::string& path) {
  std::vector<std::string> words = {"file=" + path, "at_start",
                                    fmt::format("keep={}", asked.log_keep)};
  if (asked.log_size > 0) words.push_back(fmt::format("size={}", asked.log_size));
  if (asked.log_every_ms > 0) words.push_back(fmt::format("every={}", asked.log_every_ms / 1000));
  if (asked.log_gzip) words.emplace_back("gzip");
  if (asked.log_timestamp) words.emplace_back("timestamp");
  if (asked.log_block) words.emplace_back("block");
  return words;
}

// --verbose
void tell_more(const JobRun& asked) {
  const auto entry = look_up(*asked.space, asked.name);
  if (!entry || entry->job.name.empty()) return;
  const auto& job = entry->job;
  const auto group = job.groups.empty() ? "no control group" : job.groups.front().path;
  if ((asked.command.verbose & (kTellSpawn | kTellCgroup)) != 0) {
    complain("run", fmt::format("pid {} in {} ({}), log {}", job.leader.pid, group, job.containment,
                                job.log.empty() ? "none" : job.log));
  }
  if ((asked.command.verbose & kTellCgroup) != 0) tell_groups("run", job.leader.pid);
}

job::Plan job_plan_of(const JobRun& asked, const job::Namespace& space) {
  job::Plan plan;
  plan.space = space.name();
  // Moved: the assignment that copies would be four kilobytes of a small program.
  plan.start = protocol::Start(asked.command.start);
  plan.cgroups = asked.command.cgroups;
  plan.plot = space.plot();
  plan.foreground = asked.foreground;
  if (asked.foreground && asked.command.verbose > 0)
    plan.on_started = [&asked] { tell_more(asked); };
  plan.job.name = asked.name;
  plan.job.command = asked.command.start.args;
  plan.job.cwd = asked.cwd;
  plan.job.on_exit = asked.on_exit;
  if (!asked.logs()) return plan;
  plan.job.log = asked.log_file.empty() ? space.log_of(asked.name) : asked.log_file;
  plan.log = log_words(asked, plan.job.log);
  return plan;
}

// Told to Contained.Job by words, to people by sentences.
int fail(const JobRun& asked, const Error& error) {
  asked.wire ? tell_failed(error) : complain(error);
  return engine::exit_code_of(error);
}

int complain_of_claim(const JobRun& asked, const Error& error) {
  if (error.code != EBUSY) return fail(asked, error), kRunFailed;
  if (asked.wire) return tell_taken(error.subject), kNo;
  const auto who = error.subject.empty() ? "" : fmt::format(" (pid {})", error.subject);
  complain("run", fmt::format("job {} is already running{}", asked.name, who));
  return kNo;
}

void complain_of_start(const Error& error) { complain(error); }

Result<job::Namespace> space_for(const std::string& name) {
  auto space = job::Namespace::open(name);
  if (space) space->renew_plot();
  if (space || space.error().code != ENOENT) return space;
  return job::Namespace::make(name, {::geteuid(), ::getegid()});
}

// What a launcher inherits it kills at its end, in whatever group it is.
bool may_outlive(const JobRun& asked) {
  const pid_t above = asked.foreground ? 0 : job::launcher_above();
  if (above == 0) return true;
  if (asked.wire) {
    const auto who = fmt::format(
        "we run below process {} of Contained, which kills all that it has started", above);
    return tell_failed({EPERM, Stage::kSession, who}), false;
  }
  complain(
      "run",
      fmt::format("job {} would not outlive us: we run below process {} of Contained, which kills "
                  "all that it has started at its end. Start it from outside, or with -f "
                  "(and & of the shell), to end with us",
                  asked.name, above));
  return false;
}

Status take_command(JobRun& asked) {
  if (!asked.wire) {
    finish(asked.command, command_words());
    if (!asked.command.stop_said) asked.command.start.stop = {{SIGTERM, kStopGraceMs}};
    // A task of lanco's lasts until its last process has ended.
    const bool wait = asked.as_lanco && !asked.command.linger_said;
    if (wait) asked.command.start.linger = protocol::Linger::kEmpty;
    return Done{};
  }
  auto start = read_start_request(STDIN_FILENO);
  if (!start) return start.error();
  asked.command.start = std::move(*start);
  auto& linger = asked.command.start.linger;
  if (linger == protocol::Linger::kLeave) return Error{EINVAL, Stage::kOption, "linger"};
  // It has no streams that could be waited for.
  if (linger == protocol::Linger::kWait) linger = protocol::Linger::kEmpty;
  return Done{};
}

int run_job(JobRun& asked) {
  auto taken = take_command(asked);
  if (taken) taken = settle_paths(asked);
  if (!taken) return fail(asked, taken.error());
  if (asked.dry_run) return print_plan(asked.command);
  if (!may_outlive(asked)) return kRunFailed;
  auto space = space_for(*asked.space);
  auto lock = space ? job::claim(*space, asked.name) : space.error();
  if (space && !lock && lock.error().code == ENOENT) {  // it was released meanwhile
    space = space_for(*asked.space);
    lock = space ? job::claim(*space, asked.name) : space.error();
  }
  if (!space && asked.wire) return fail(asked, space.error());
  if (!space) return complain_of_space(*asked.space, space.error()), kRunFailed;
  if (!lock) return complain_of_claim(asked, lock.error());
  auto plan = job_plan_of(asked, *space);
  if (asked.foreground) return job::run(std::move(plan), std::move(*lock), complain_of_start);
  const auto started = job::start(std::move(plan), std::move(*lock));
  if (!started) return fail(asked, started.error());
  if (asked.wire) tell_started(started->os_pid);
  if (asked.command.verbose > 0) tell_more(asked);
  return kOk;
}

}  // namespace

void add_job_run(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command = job.add_subcommand("run", "Start a job in the background");
  command->alias("start");
  const auto asked = std::make_shared<JobRun>();
  asked->space = space;
  add_job_name(*command, asked->name);
  command->add_flag("-f,--foreground", asked->foreground,
                    "Stay here until it has ended, with our streams");
  command->add_flag("--dry-run", asked->dry_run, "Prints what would be done, as JSON");
  // Contained.Job's, see wire.hpp: not for people.
  command->add_flag("--wire", asked->wire)->group("")->excludes("--foreground");
  command
      ->add_option("-c,--on-exit", asked->on_exit,
                   "Run by sh when the job has ended, with CONTAINED_NAMESPACE, CONTAINED_NAME, "
                   "CONTAINED_STATUS, CONTAINED_SIGNAL and CONTAINED_REASON set")
      ->type_name("CMD");
  add_values(*command, *asked);
  add_log_flags(*command, *asked);
  add_command_options(*command, asked->command, ShortNames::kTaken);
  command->footer(kJobRunFooter);
  command->callback([asked, &job, &exit_code] {
    asked->as_lanco = job.count(kAsLanco) > 0;
    exit_code = run_job(*asked);
  });
}

}  // namespace contained::cli
