// How a function of ours becomes one of the VM's.
#pragma once

#include <erl_nif.h>

#include <exception>
#include <optional>

#include "nif/terms.hpp"

namespace contained::nif {

/// Nothing: what it was given is not of the expected shape.
using Outcome = std::optional<Term>;

/// No exception may pass through the VM's frames: one is a bug, and raised as an error there.
template <Outcome (*Function)(ErlNifEnv*, const Term*)>
Term guarded(ErlNifEnv* env, int /*argc*/, const Term argv[]) noexcept {
  try {
    const auto outcome = Function(env, argv);
    return outcome ? *outcome : enif_make_badarg(env);
  } catch (const std::exception& error) {
    return enif_raise_exception(env, enif_make_string(env, error.what(), ERL_NIF_LATIN1));
  } catch (...) {
    return enif_raise_exception(env, enif_make_atom(env, "unknown"));
  }
}

}  // namespace contained::nif
