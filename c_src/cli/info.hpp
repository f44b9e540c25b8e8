// `contained info`: what this machine allows.
#pragma once

#include "cli/cli11.hpp"

namespace contained::cli {

void add_info(CLI::App& app, int& exit_code);

}  // namespace contained::cli
