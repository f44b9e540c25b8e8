// What `contained supervise` would do: its `--dry-run`.
#pragma once

#include "cli/supervise_options.hpp"

namespace contained::cli {

/// Prints JSON with the plans of both commands, and returns the exit code. REQUIRES: finish().
/// Makes nothing.
int print_plan(const SuperviseOptions& options);

}  // namespace contained::cli
