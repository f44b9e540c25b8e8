// `contained run`: one contained command in the foreground.
#pragma once

#include "cli/cli11.hpp"

namespace contained::cli {

void add_run(CLI::App& app, int& exit_code);

}  // namespace contained::cli
