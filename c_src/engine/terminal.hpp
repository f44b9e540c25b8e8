// Terminal: the pseudo terminal of one command, see pty(7).
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "protocol/terminal.hpp"

namespace contained::engine {

struct Terminal {
  UniqueFd ours;      ///< non-blocking; EIO is its end of file
  UniqueFd commands;  ///< what becomes stdin, stdout and stderr
};

/// Opens one, which belongs to us. ENOSPC: there are as many as /proc/sys/kernel/pty/max allows.
Result<Terminal> open_terminal(const protocol::Terminal& asked);

/// The kernel tells the command's foreground process group by SIGWINCH. |terminal|: either end.
Status resize(int terminal, const protocol::TerminalSize& size);

/// What has to be written to |ours| for the command to read an end of file: once to hand over a
/// line that is not |at_line_start|, and once for the end. Empty when the command has switched off
/// canonical mode, which knows no end, see termios(3).
std::string end_of_input(int ours, bool at_line_start);

}  // namespace contained::engine
