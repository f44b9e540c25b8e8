// What is asked of a parent group, see README.md, "Groups".
#pragma once

#include "protocol/message.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {

/// The Op of a control request; false when it is none.
bool read_op(TermReader& in, Control& control);

/// What follows the name of a group_control request.
bool read_group(TermReader& in, GroupControl& request);

}  // namespace contained::protocol
