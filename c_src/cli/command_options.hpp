// The options that say how a command is run: shared by all subcommands that run one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cgroup/ground.hpp"
#include "cli/cli11.hpp"
#include "protocol/message.hpp"

namespace contained::cli {

struct CommandOptions {
  /// What add_command_options() fills is complete after finish(). Inherits our stdin, stdout and
  /// stderr; what is left when the leader has exited is killed.
  protocol::Start start;
  cgroup::Wanted cgroups;

  bool stop_said = false;  ///< a ladder has been asked for
  bool linger_said = false;
  unsigned verbose = 0;  ///< areas of debug.hpp: -v, or CONTAINED_DEBUG

  // As they were said, until finish().
  std::optional<std::string> user;  ///< "www" or "www:adm:log"
  const char* user_option = "--uid";
  std::optional<std::string> group;
  std::optional<std::string> arg0;
  std::optional<std::vector<std::string>> groups;
  std::optional<std::vector<std::string>> user_groups;  ///< said behind the user's name
  std::vector<std::string> controllers;                 ///< that must be there

  CommandOptions();
};

/// Some subcommands have other uses for the letters.
enum class ShortNames : std::uint8_t { kTaken, kFree };

/// Adds them to |app|, whose command is what follows them (prefix_command()): groups and limits,
/// user, environment, directory, attributes, isolation, seals, time limit, the stop ladder,
/// --config. |options| must outlive |app|.
void add_command_options(CLI::App& app, CommandOptions& options,
                         ShortNames shorts = ShortNames::kFree);

/// Sets program and arguments, and looks up what needs a look at the machine: users by NSS,
/// controllers. Throws CLI::ValidationError with option, value and what is allowed.
void finish(CommandOptions& options, const std::vector<std::string>& words);

}  // namespace contained::cli
