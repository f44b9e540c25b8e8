// A descriptor that tells a process of the VM of something, once each time it is asked to.
//
// Two resources: a Source, which the VM holds as long as it polls its descriptor, and a handle of
// it, which is what Erlang code has. The message that is waited for holds the handle as well. So a
// source lives while somebody has its handle or waits for its message, and its descriptors are
// closed at one place, the stop callback: when close() is called, when the process that opened it
// ends, or when nobody has the handle any more.
#pragma once

#include <erl_nif.h>

#include <mutex>

#include "base/unique_fd.hpp"
#include "nif/guard.hpp"

namespace contained::nif {

struct Source {
  UniqueFd event;  ///< what the VM polls
  UniqueFd
      file;  ///< of a file that tells by POLLPRI: itself, watched by the epoll instance |event|
  ErlNifMonitor opener = {};
  std::mutex lock;  ///< held while a descriptor is used; never while the VM is told to stop
  bool closing = false;
};

/// Makes the resource types known, or takes them over from an older library. False when refused.
bool open_resource_types(ErlNifEnv* env);

/// A handle of a new source, opened by the calling process.
Term make_handle(ErlNifEnv* env, UniqueFd event, UniqueFd file);

/// The source of a handle; nullptr for another term.
Source* to_source(ErlNifEnv* env, Term handle);

/// Asks the VM to send {|name|, Ref, Handle} to the calling process when |source| has something to
/// tell; {ok, Ref}. A message that was asked for before and has not come never does.
Term wait_for(ErlNifEnv* env, Source& source, std::string_view name, Term handle);

/// True for the first who does so. The descriptors are closed at once, or when the VM has ceased to
/// poll them.
bool close(ErlNifEnv* env, Source& source);

}  // namespace contained::nif
