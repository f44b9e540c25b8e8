// Wire: how the library for Elixir starts a job. The command comes on stdin, as a framed `start`
// request of the port's protocol (c_src/protocol/README.md); the outcome goes to stdout, a line of
// words as of a job's control socket: `started PID`, `already_running PID`, `error STAGE ERRNO
// SUBJECT`.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.hpp"
#include "protocol/message.hpp"

namespace contained::cli {

/// Stage kProtocol: EINVAL for what is no such request, ENODATA for one that is cut short.
Result<protocol::Start> read_start_request(int fd);

void tell_started(pid_t pid);
void tell_taken(const std::string& pid);  ///< the name
void tell_failed(const Error& error);

}  // namespace contained::cli
