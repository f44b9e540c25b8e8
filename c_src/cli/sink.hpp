// `contained sink WORDS...`: the writer of logs, started by ourselves.
#pragma once

#include "cli/cli11.hpp"

namespace contained::cli {

/// Hidden. The words are those of sink/options.hpp; stdin is the log.
void add_sink(CLI::App& app, int& exit_code);

}  // namespace contained::cli
