// What makes `contained run true` quick: most of its time would be page faults.
#pragma once

#include <string_view>

#include "cli/words.hpp"

namespace contained::cli {

/// Maps this program's code, and with |writable| its heap as well, by one call instead of a fault
/// for each page (MADV_POPULATE_READ of madvise(2), Linux 5.14; elsewhere nothing happens).
void map_ahead(bool writable);

/// From now on is_mentioned() is about |words|. Not when all options are to be known: for help, or
/// when options come from elsewhere as well.
void remember_mentioned(const Words& words);

/// Whether an option of these names ("--uid,-u") may be among the words. Making an option that is
/// not takes memory and time for nothing.
bool is_mentioned(std::string_view names);

}  // namespace contained::cli
