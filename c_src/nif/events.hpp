// Processes and kernel files that a process of the VM waits for. None of these functions waits
// itself: they are for ordinary schedulers, but for watch(), which opens a file of cgroupfs.
#pragma once

#include "nif/guard.hpp"

namespace contained::nif {

/// A handle of the process of that id: pidfd_open(2).
Outcome open_process(ErlNifEnv* env, const Term* argv);

/// pidfd_send_signal(2), also to one whose id has gone to another process: ESRCH.
Outcome signal(ErlNifEnv* env, const Term* argv);

/// {ok, Ref}; {contained_exit, Ref, Handle} when the process has exited.
Outcome monitor(ErlNifEnv* env, const Term* argv);

/// A handle of |directory|/|file|, which tells by POLLPRI; |trigger| is written to it if not empty.
Outcome watch(ErlNifEnv* env, const Term* argv);

/// {ok, Ref}; {contained_event, Ref, Handle} at the next event after those that look_at() has seen.
Outcome await_event(ErlNifEnv* env, const Term* argv);

/// The text of a watched file as it is now. Dirty I/O.
Outcome look_at(ErlNifEnv* env, const Term* argv);

/// Whether it was open.
Outcome close_handle(ErlNifEnv* env, const Term* argv);

}  // namespace contained::nif
