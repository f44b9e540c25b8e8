// The sink program: reads stdin to its end and writes it to log files, syslog and descriptors.
//
// It is a command like others, in a control group of its own, so that a slow disk holds up nobody
// but the writer of the log. It ends with its input: SIGTERM and SIGINT are ignored unless it is to
// obey them; SIGHUP opens the files anew.
#pragma once

#include <span>

namespace contained::sink {

inline constexpr int kExitUsage = 64;

/// |words|: see options.hpp. Returns the exit code: 0 at the end of stdin, 1 when a sink cannot be
/// opened (told by report.hpp, else on stderr), kExitUsage.
int run(std::span<char* const> words);

}  // namespace contained::sink
