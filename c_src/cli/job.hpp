// contained job: named jobs that outlive whoever has started them.
#pragma once

#include "cli/cli11.hpp"

namespace contained::cli {

void add_job(CLI::App& app, int& exit_code);

}  // namespace contained::cli
