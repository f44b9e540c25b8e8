// What a command would be started with: `--dry-run`.
#pragma once

#include "cli/command_options.hpp"

namespace contained::cli {

/// Prints JSON, one object and a newline, and returns the exit code. REQUIRES: finish(). Makes
/// nothing; what the kernel would say is not in it.
int print_plan(const CommandOptions& options);

}  // namespace contained::cli
