#include "cli/log_words.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <span>

namespace contained::cli {
namespace {

struct SyslogName {
  std::string_view name;
  unsigned number;
};

// Of syslog(3), and "lpr" as "print" and "printer", too.
constexpr SyslogName kFacilities[] = {
    {"kern", 0},    {"user", 1},      {"mail", 2},    {"daemon", 3},  {"auth", 4},
    {"lpr", 6},     {"print", 6},     {"printer", 6}, {"news", 7},    {"uucp", 8},
    {"cron", 9},    {"authpriv", 10}, {"ftp", 11},    {"local0", 16}, {"local1", 17},
    {"local2", 18}, {"local3", 19},   {"local4", 20}, {"local5", 21}, {"local6", 22},
    {"local7", 23},
};
constexpr SyslogName kPriorities[] = {
    {"emerg", 0}, {"emergency", 0},   {"alert", 1}, {"crit", 2},    {"critical", 2},
    {"err", 3},   {"error", 3},       {"warn", 4},  {"warning", 4}, {"notice", 5},
    {"info", 6},  {"information", 6}, {"debug", 7},
};

std::optional<unsigned> number_of(std::span<const SyslogName> names, std::string_view name) {
  for (const auto& known : names) {
    if (known.name == name) return known.number;
  }
  return std::nullopt;
}

void add_format(const LogOptions& options, Words& words) {
  if (options.timestamp)
    words.push_back(options.style == "dmon" ? "timestamp=seconds" : "timestamp");
  if (!options.prefix.empty()) words.push_back("prefix=" + options.prefix + " ");
  if (options.skip_empty) words.emplace_back("skip_empty");
}

void add_file(const LogOptions& options, const std::string& path, Words& words) {
  // Where there is no current directory any more, opening it says so.
  std::error_code none;
  const auto absolute = std::filesystem::absolute(path, none).string();
  words.push_back("file=" + (none ? path : absolute));
  words.push_back(fmt::format("mode={:o}", options.mode));
  words.push_back("sync=" + options.sync);
  if (options.size > 0) words.push_back(fmt::format("size={}", options.size));
  if (options.every > 0) words.push_back(fmt::format("every={}", options.every));
  if (options.keep) words.push_back(fmt::format("keep={}", *options.keep));
  if (options.at_start) words.emplace_back("at_start");
  if (options.gzip) words.emplace_back("gzip");
  if (options.block) words.emplace_back("block");
  add_format(options, words);
}

void add_syslog(const LogOptions& options, Words& words) {
  constexpr unsigned kPriorityBits = 8;
  words.push_back("syslog=" + options.syslog);
  words.push_back(fmt::format("priority={}", options.facility * kPriorityBits + options.priority));
  words.push_back("socket=" + options.socket);
  if (options.console) words.emplace_back("console");
  if (options.block) words.emplace_back("block");
}

}  // namespace

// "obey": who ends a supervisor's children one by one means us, too.
Words sink_words(const LogOptions& options) {
  Words words = {"obey", fmt::format("input={}", options.input)};
  if (!options.syslog.empty()) add_syslog(options, words);
  if (!options.directory.empty()) add_file(options, options.directory + "/current", words);
  if (!options.file.empty()) add_file(options, options.file, words);
  if (words.size() > 2) return words;
  words.emplace_back("fd=1");
  add_format(options, words);
  return words;
}

std::optional<unsigned> facility_named(std::string_view name) {
  return number_of(kFacilities, name);
}

std::optional<unsigned> priority_named(std::string_view name) {
  return number_of(kPriorities, name);
}

}  // namespace contained::cli
