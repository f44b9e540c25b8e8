#include "cli/log.hpp"

#include <sys/stat.h>

#include <memory>
#include <vector>

#include "cli/exit_codes.hpp"
#include "cli/log_words.hpp"
#include "cli/option_rows.hpp"
#include "cli/units.hpp"
#include "sink/sink.hpp"

namespace contained::cli {
namespace {

constexpr std::uint32_t kFilesKept = 10;
constexpr std::uint64_t kDmonSize = 150U * 1024;
constexpr std::uint64_t kDmonAge = 5U * 24 * 3600;

constexpr const char* kLogFooter =
    "Reads stdin to its end. A file that grows too large or old is set aside as FILE.1, the next "
    "as\n"
    "FILE.2: no number is given twice. HUP opens the files anew; TERM and INT end it once what "
    "has\n"
    "come is written. A last line without a newline is kept.\n"
    "\n"
    "Examples:\n"
    "  contained supervise -e -- ./server -- contained log -t --size 10M --keep 5 server.log\n"
    "  ./server 2>&1 | contained log --syslog server --facility local0 --priority notice\n"
    "  ./server | contained log --dir /var/log/server --gzip\n"
    "\n"
    "Exit code: 0 at the end of stdin, 1 a log cannot be opened, 2 usage.\n";

using LogTake = bool (*)(LogOptions& options, const std::string& value);

bool take_log_size(LogOptions& to, const std::string& value) {
  const auto size = parse_size(value);
  to.size = size.value_or(0);
  return size.has_value();
}

bool take_log_age(LogOptions& to, const std::string& value) {
  const auto time = parse_time(value);
  to.every = time.value_or(0) / 1000;
  return time && *time % 1000 == 0;
}

bool take_log_keep(LogOptions& to, const std::string& value) {
  to.keep = parse_number<std::uint32_t>(value);
  return to.keep && *to.keep <= 0x7fffffff;
}

bool take_log_input(LogOptions& to, const std::string& value) {
  const auto fd = parse_number<int>(value);
  to.input = fd.value_or(0);
  return fd && *fd <= 1'000'000;
}

bool take_log_mode(LogOptions& to, const std::string& value) {
  const auto mode = parse_number<std::uint32_t>(value, 8);
  to.mode = mode.value_or(0);
  return mode && to.mode <= 0777;
}

bool take_log_facility(LogOptions& to, const std::string& value) {
  const auto number = facility_named(value);
  to.facility = number.value_or(0);
  return number.has_value();
}

bool take_log_priority(LogOptions& to, const std::string& value) {
  const auto number = priority_named(value);
  to.priority = number.value_or(0);
  return number.has_value();
}

bool take_log_sync(LogOptions& to, const std::string& value) {
  to.sync = value;
  return value == "none" || value == "line" || value == "interval";
}

bool take_log_style(LogOptions& to, const std::string& value) {
  to.style = value;
  return value == "rfc3339" || value == "dmon";
}

/// An option and what its value may be.
struct LogValue {
  const char* names;
  const char* type;
  LogTake take;
  const char* allowed;
};
constexpr LogValue kInput = {"--input-fd,-i", "FD", take_log_input, "the number of a descriptor"};
constexpr LogValue kSize = {"--size,-s,--max-size", "SIZE", take_log_size, "a size such as 10M"};
constexpr LogValue kAge = {"--age,-T,--max-time", "TIME", take_log_age,
                           "whole seconds, such as 1h or 5d"};
constexpr LogValue kKeep = {"--keep,-m,--max-files", "N", take_log_keep, "a number"};
constexpr LogValue kStyle = {"--style", "rfc3339|dmon", take_log_style, "rfc3339 or dmon"};
constexpr LogValue kSync = {"--sync", "none|line|interval", take_log_sync,
                            "none, line or interval"};
constexpr LogValue kMode = {"--mode", "OCTAL", take_log_mode, "octal, 0 to 777"};
constexpr LogValue kFacility = {"--facility,-f", "NAME", take_log_facility,
                                "a facility of syslog(3) such as daemon or local0"};
constexpr LogValue kPriority = {"--priority", "NAME", take_log_priority,
                                "a level of syslog(3) such as notice or warning"};
constexpr LogValue kShortPriority = {"--priority,-p", "NAME", take_log_priority, kPriority.allowed};

void add_log_value(CLI::App& app, LogOptions& options, const LogValue& value, const char* help) {
  const auto check = [&options, &value](const std::string& text) {
    if (!value.take(options, text)) refuse_value(value.names, text, value.allowed);
  };
  app.add_option_function<std::string>(value.names, check, help)
      ->type_name(value.type)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

std::shared_ptr<LogOptions> begin_log(CLI::App& command, int& exit_code) {
  auto options = std::make_shared<LogOptions>();
  command.callback([options, &exit_code] {
    auto words = sink_words(*options);
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    exit_code = sink::run(pointers) == 0 ? kOk : kNo;
  });
  return options;
}

// What dlog, drlog and dslog have in common.
void add_log_common(CLI::App& command, LogOptions& options) {
  command.add_flag("-e,--skip-empty", options.skip_empty, "Leaves out empty lines");
  add_log_value(command, options, kInput, "Reads this descriptor instead of stdin");
}

void add_log_rotation(CLI::App& command, LogOptions& options) {
  add_log_value(command, options, kSize,
                "Sets a file aside before it becomes larger, such as 10M; 0: whatever the size");
  add_log_value(command, options, kAge,
                "Sets a file aside when so much time since 1970 begins anew, such as 1d; 0: never");
  add_log_value(command, options, kKeep, "Keeps so many of those set aside");
}

void add_log_marks(CLI::App& command, LogOptions& options) {
  command.add_flag("-t,--timestamp", options.timestamp, "Puts the time (UTC) before each line");
}

void add_unbuffered(CLI::App& command, LogOptions& options) {
  options.sync = "line";
  command.add_flag_callback(
      "-b,--buffered", [&options] { options.sync = "none"; }, "No fsync(2) for each line");
}

mode_t mode_by_umask() {
  constexpr mode_t kAll = 0666;
  const auto mask = ::umask(0);
  ::umask(mask);
  return kAll & ~mask;
}

}  // namespace

void add_log(CLI::App& app, int& exit_code) {
  auto* const command = app.add_subcommand("log", "Write stdin to log files or syslog");
  const auto options = begin_log(*command, exit_code);
  command->add_option("FILE", options->file, "The log; without any, stdout");
  auto* const directory = command->add_option("--dir", options->directory,
                                              "Writes DIR/current; of 150k, 5 days, 10 files");
  directory->type_name("DIR")->each([options](const std::string&) {
    options->size = kDmonSize, options->every = kDmonAge, options->keep = kFilesKept;
  });
  command->add_option("--syslog", options->syslog, "Sends each line under this name")
      ->type_name("NAME");
  add_log_common(*command, *options);
  add_log_rotation(*command, *options);
  add_log_marks(*command, *options);
  command->add_option("-p,--prefix", options->prefix, "And this text, and a blank")
      ->type_name("TEXT");
  add_log_value(*command, *options, kStyle, "Of the time: rfc3339, or dmon for whole seconds");
  add_log_value(*command, *options, kSync,
                "fsync(2): none, after each line, or at an interval of a second [none]");
  add_log_value(*command, *options, kMode, "Of new files [640]");
  command->add_flag("--at-start", options->at_start, "Begins with a new file");
  command->add_flag("--gzip", options->gzip, "Compresses files that are set aside");
  command->add_flag("--block", options->block,
                    "Waits where nothing can be written, such as a full disk; else drops lines");
  add_log_value(*command, *options, kFacility, "Of syslog [daemon]");
  add_log_value(*command, *options, kPriority, "Of syslog [info]");
  command->add_option("--socket", options->socket, "Of syslog [/dev/log]")->type_name("PATH");
  command->add_flag("-c,--console", options->console, "To the console what syslog does not take");
  command->footer(kLogFooter);
}

void add_dlog(CLI::App& app, int& exit_code) {
  auto* const command = app.add_subcommand("dlog", "Write stdin to a file, or to stdout");
  command->group("");
  const auto options = begin_log(*command, exit_code);
  options->style = "dmon";
  options->mode = mode_by_umask();
  command->add_option("FILE", options->file, "The log; without, stdout");
  add_log_common(*command, *options);
  add_log_marks(*command, *options);
  command->add_option("-p,--prefix", options->prefix, "And this text, and a blank");
  add_unbuffered(*command, *options);
}

void add_drlog(CLI::App& app, int& exit_code) {
  auto* const command = app.add_subcommand("drlog", "Write stdin to DIR/current, with old ones");
  command->group("");
  const auto options = begin_log(*command, exit_code);
  options->style = "dmon";
  options->block = true;
  options->size = kDmonSize, options->every = kDmonAge, options->keep = kFilesKept;
  command->add_option("DIR", options->directory, "The directory")->required();
  add_log_common(*command, *options);
  add_log_rotation(*command, *options);
  add_log_marks(*command, *options);
  add_unbuffered(*command, *options);
}

void add_dslog(CLI::App& app, int& exit_code) {
  auto* const command = app.add_subcommand("dslog", "Send lines of stdin to syslog");
  command->group("");
  const auto options = begin_log(*command, exit_code);
  options->priority = *priority_named("warning");
  command->add_option("NAME", options->syslog, "That lines are sent under")->required();
  add_log_common(*command, *options);
  add_log_value(*command, *options, kFacility, "[daemon]");
  add_log_value(*command, *options, kShortPriority, "[warning]");
  command->add_flag("-c,--console", options->console, "To the console what syslog does not take");
}

}  // namespace contained::cli
