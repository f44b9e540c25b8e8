// Tries what a machine allows by doing it: the sysctls do not tell of seccomp profiles, AppArmor,
// masked files of /proc, or how deep namespaces are nested.
#pragma once

#include <cstdint>

#include "process/spawn_spec.hpp"

namespace contained::process {

/// Starts this very program in the way of |spec|, whose program and arguments are not looked at,
/// and kills it: what a command would be refused, by its stage. Blocks until it is gone.
Status attempt(SpawnSpec spec);

/// How a command could have namespaces.
enum class Way : std::uint8_t { kAlone, kByUser };

/// With kByUser also a namespace of users around them, where that is needed.
Result<Way> attempt(Namespaces namespaces);

/// A filter of system calls that refuses one.
Status attempt_seccomp();

/// All of /, by landlock(7).
Status attempt_landlock();

}  // namespace contained::process
