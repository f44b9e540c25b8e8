// `contained cgroup`: looks at a control group and changes it, by hand.
#pragma once

#include "cli/cli11.hpp"

namespace contained::cli {

void add_cgroup(CLI::App& app, int& exit_code);

}  // namespace contained::cli
