// One command in the foreground of a terminal or of another program, from its start until nothing
// is left of it.
#pragma once

#include <optional>
#include <string>

#include "cli/command_options.hpp"

namespace contained::cli {

struct Foreground {
  CommandOptions command;
  bool kill_on_close = false;              ///< the end of our stdin, which is passed on, stops it
  std::optional<std::string> json_result;  ///< a file for the result
};

/// Returns the exit code: the command's, 128 + n when it died of signal n, or one of ours.
int run_in_foreground(const Foreground& foreground);

}  // namespace contained::cli
