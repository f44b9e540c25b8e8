// This machine, and what is left of a launcher.
#pragma once

#include "nif/guard.hpp"

namespace contained::nif {

/// A map, see Contained.Native.capabilities/0. Reads many files: dirty I/O.
Outcome capabilities(ErlNifEnv* env, const Term* argv);

/// cgroup::kill_trees() of a path: {ok, Gone}. Dirty I/O.
Outcome kill_trees(ErlNifEnv* env, const Term* argv);

}  // namespace contained::nif
