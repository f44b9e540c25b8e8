// What programs of ours without a VM make of a command that could not be started.
#pragma once

#include "base/error.hpp"
#include "engine/exit_codes.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

/// See exit_codes.hpp. Only a failed exec is about the program.
int exit_code_of(const Error& error);

/// What the event tells, as a value again.
Error error_of(const protocol::Failed& failed);

}  // namespace contained::engine
