// What Contained.Cgroup asks of a running command's group.
#pragma once

#include "cgroup/crowd.hpp"
#include "engine/enclosure.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

/// Does what |request| asks of |enclosure| and tells the result. ENOTSUP where there is no control
/// group to ask.
protocol::Answer answer(const protocol::Control& request, Enclosure& enclosure);

/// The same for a parent group; but not kKill, which takes more than a moment.
protocol::Answer answer(const protocol::Control& request, cgroup::Crowd& crowd);

/// What became of it.
protocol::Answer answer(const protocol::Control& request, const Status& done);

/// The answer that an error is.
protocol::Answer refuse(const protocol::Control& request, const Error& error);

}  // namespace contained::engine
