// Which options a command line mentions, so that only these are made.
#pragma once

#include <string_view>

#include "cli/words.hpp"

namespace contained::cli {

/// From now on is_mentioned() is about |words|. Not when all options are to be known: for help, or
/// when options come from elsewhere as well.
void remember_mentioned(const Words& words);

/// Whether an option of these names ("--uid,-u") may be among the words. Making an option that is
/// not takes memory and time for nothing.
bool is_mentioned(std::string_view names);

}  // namespace contained::cli
