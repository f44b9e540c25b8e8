// Controllers that were asked for by name, as MuonTrap has it.
#pragma once

#include "cli/command_options.hpp"

namespace contained::cli {

/// Each has to be mounted here: CLI::ValidationError naming it else. One that nothing is limited by
/// gets a group all the same, by a limit that does not limit.
void apply_controllers(CommandOptions& options);

}  // namespace contained::cli
