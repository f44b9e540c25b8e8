// `muontrap`: the wrapper program of MuonTrap, by its own command line.
#pragma once

#include "cli/cli11.hpp"

namespace contained::cli {

/// Hidden: for links of that name. Stdin is what holds it: its end stops the command, what comes by
/// it (the acknowledgements of MuonTrap 2) is dropped, and the command never sees it.
void add_muontrap(CLI::App& app, int& exit_code);

}  // namespace contained::cli
