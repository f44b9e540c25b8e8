// What became of a command: as an exit code, and as a file for programs.
#pragma once

#include <string>

#include "base/result.hpp"
#include "protocol/message.hpp"

namespace contained::cli {

/// The command's, 128 + n when it died of signal n, engine::kExitTimedOut.
int exit_code_of(const protocol::Ended& ended);

/// JSON, one object and a newline; see guides/command_line.md.
std::string json_of(const protocol::Ended& ended, std::int64_t pid);
std::string json_of(const Error& failure);

/// Writes |path| anew, 0644 without the umask, so that a reader finds all of it or none. What is
/// there and no regular file, such as /dev/stdout or a FIFO, is written to as it is.
Status replace_file(const std::string& path, const std::string& text);

/// Removes a regular file or a link to none, and nothing else.
void remove_old_file(const std::string& path);

}  // namespace contained::cli
