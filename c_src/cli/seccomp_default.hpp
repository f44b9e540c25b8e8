// The filter that `--seccomp default` stands for.
#pragma once

#include "protocol/seal.hpp"

namespace contained::cli {

/// The same as Contained.Seccomp.default/0, whose documentation says what is in it and why.
protocol::Seccomp default_seccomp();

}  // namespace contained::cli
