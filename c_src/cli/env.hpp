// `contained env`: a command with an environment made of pieces, in their order, as denv(8) and
// envdir(8) do it.
#pragma once

#include "cli/cli11.hpp"

namespace contained::cli {

void add_env(CLI::App& app, int& exit_code);

}  // namespace contained::cli
