// What programs of ours without a VM make of a command that could not be started.
#pragma once

#include "base/error.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

// As env(1) has them.
inline constexpr int kExitFailed = 125;  ///< ours
inline constexpr int kExitCannotExecute = 126;
inline constexpr int kExitNotFound = 127;

/// Only a failed exec is about the program.
int exit_code_of(const Error& error);

/// What the event tells, as a value again.
Error error_of(const protocol::Failed& failed);

}  // namespace contained::engine
