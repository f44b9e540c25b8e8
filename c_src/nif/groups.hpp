// What can be seen of a command's control groups, and done to them. Each function takes their
// addresses first, and answers as the port program does.
//
// All but stats() and open_groups() are for dirty I/O schedulers: to write to a file of cgroupfs
// may wait for whoever makes or removes groups, or for memory to be reclaimed; cmdline of /proc is
// read under the lock of a process's memory; members are as many as there are; and the v1 freezer
// is asked again and again. stats() reads some counters in some 10 us, of which a dirty scheduler
// would make 30.
#pragma once

#include "nif/guard.hpp"

namespace contained::nif {

/// Makes the resource type known, or takes it over from an older library. False when refused.
bool open_group_type(ErlNifEnv* env);

/// {ok, Handle} of the groups, for stats(): with files kept open, which halves its time. {error, _,
/// emfile, _} when so many have been opened that their descriptors could be missed elsewhere in the
/// VM.
Outcome open_groups(ErlNifEnv* env, const Term* argv);

/// Of addresses, or of a handle.
Outcome stats(ErlNifEnv* env, const Term* argv);
Outcome processes(ErlNifEnv* env, const Term* argv);
Outcome threads(ErlNifEnv* env, const Term* argv);
Outcome limits_of(ErlNifEnv* env, const Term* argv);
Outcome set_limits(ErlNifEnv* env, const Term* argv);
Outcome freeze(ErlNifEnv* env, const Term* argv);
Outcome thaw(ErlNifEnv* env, const Term* argv);
Outcome kill(ErlNifEnv* env, const Term* argv);
Outcome get(ErlNifEnv* env, const Term* argv);
Outcome set(ErlNifEnv* env, const Term* argv);
Outcome migrate(ErlNifEnv* env, const Term* argv);

}  // namespace contained::nif
