// What `contained supervise` can be told beside the options of its command.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/cli11.hpp"
#include "cli/command_options.hpp"
#include "supervise/policy.hpp"

namespace contained::cli {

struct SuperviseOptions {
  CommandOptions command;
  CommandOptions logger;
  supervise::Policy policy;
  bool foreground = false;
  bool stderr_too = false;
  bool info_times = false;
  bool dry_run = false;
  bool list_limits = false;  ///< print the names of -r, and nothing else
  std::optional<double> load_high;
  std::optional<double> load_low;
  std::string load_file = "/proc/loadavg";
  std::optional<std::string> pid_file;
  std::optional<std::string> cmd_pid_file;
  std::optional<std::string> info_file;
  std::optional<std::string> work_dir;
  std::string syslog_socket = "/dev/log";     ///< for our own words, once stderr is gone
  std::vector<protocol::Rlimit> soft_limits;  ///< of the command and the logger
};

/// Options with the letters of dmon, and those of run. |options| must outlive |app|.
void add_supervise_options(CLI::App& app, SuperviseOptions& options);

/// Sets both command lines, the second one behind a "--", and what follows of options together.
/// Throws CLI::ValidationError.
void finish(SuperviseOptions& options, const std::vector<std::string>& words);

/// Names for -r, a line each.
std::string limit_names();

}  // namespace contained::cli
