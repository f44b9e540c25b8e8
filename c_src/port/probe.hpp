// contained_port --probe: what this machine allows, tried, for Contained.info/0.
#pragma once

#include <string>

namespace contained::port {

/// A line for each namespace, `pid_isolation` (pid and mount together), `seccomp` and `landlock`:
///
///     NAME true          it goes
///     NAME user          it goes together with a namespace of users
///     NAME VERSION       it goes (landlock)
///     NAME error STAGE ERRNO [SUBJECT]
std::string probe_report();

}  // namespace contained::port
