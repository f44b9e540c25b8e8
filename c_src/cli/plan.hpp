// What a command would be started with: `--dry-run`.
#pragma once

#include <string>

#include "cli/command_options.hpp"

namespace contained::cli {

/// JSON, one object and a newline. REQUIRES: finish(). Makes nothing; what the kernel would say is
/// not in it.
std::string plan_of(const CommandOptions& options);

}  // namespace contained::cli
