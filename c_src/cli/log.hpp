// `contained log`: writes its stdin to a file, a directory of files or syslog; and as dlog, drlog
// and dslog, which it is by other names.
#pragma once

#include "cli/cli11.hpp"

namespace contained::cli {

void add_log(CLI::App& app, int& exit_code);

// Hidden, with the letters and the defaults of these programs.
void add_dlog(CLI::App& app, int& exit_code);
void add_drlog(CLI::App& app, int& exit_code);
void add_dslog(CLI::App& app, int& exit_code);

}  // namespace contained::cli
