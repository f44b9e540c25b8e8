// One command in the foreground of a terminal or of another program, from its start until nothing
// is left of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/command_options.hpp"

namespace contained::cli {

struct Foreground {
  /// Whether the end of our stdin stops the command; it is passed on to it, or read and dropped.
  enum class Close : std::uint8_t { kIgnored, kPassedOn, kDropped };

  CommandOptions command;
  Close close = Close::kIgnored;
  std::optional<std::string> json_result;  ///< a file for what became of it
  std::optional<int> failure_code;         ///< instead of 125, 126 and 127
};

/// Ends the program with the exit code: the command's, 128 + n when it died of signal n, or one of
/// ours.
[[noreturn]] void run_in_foreground(const Foreground& foreground);

}  // namespace contained::cli
