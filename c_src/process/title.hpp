// How a process is shown by ps(1).
#pragma once

namespace contained::process {

/// Sets the command name (15 bytes) and writes |title| over the arguments, as far as they reach.
void set_title(const char* title);

}  // namespace contained::process
