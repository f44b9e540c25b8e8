// `contained supervise`: a command that is started again whenever it ends, as dmon(8) does it.
#pragma once

#include "cli/cli11.hpp"

namespace contained::cli {

void add_supervise(CLI::App& app, int& exit_code);

}  // namespace contained::cli
