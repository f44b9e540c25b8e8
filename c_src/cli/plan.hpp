// What a command would be started with: `--dry-run`.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cli/command_options.hpp"

namespace contained::cli {

/// REQUIRES: finish(). Makes nothing; what the kernel would say is not in it.
nlohmann::ordered_json plan_of(const CommandOptions& options);

/// Prints it, one object and a newline, and returns the exit code.
int print_plan(const nlohmann::ordered_json& plan);
int print_plan(const CommandOptions& options);

}  // namespace contained::cli
