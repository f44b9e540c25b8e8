// `seccomp` and `landlock` of a specification.
#pragma once

#include "protocol/seal.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {

/// Each reads one value as README.md, "Spec", has it; false for one of another shape.
bool read_seccomp(TermReader& in, Seal& seal);
bool read_landlock(TermReader& in, Seal& seal);

}  // namespace contained::protocol
