// Erlang terms from our values and back. What is not of the expected shape is nothing; the function
// that asked makes it `badarg`.
#pragma once

#include <erl_nif.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/proc.hpp"
#include "base/result.hpp"
#include "cgroup/limits.hpp"
#include "cgroup/quarters.hpp"
#include "cgroup/stats.hpp"

namespace contained::nif {

using Term = ERL_NIF_TERM;

Term atom(ErlNifEnv* env, std::string_view name);
Term boolean(ErlNifEnv* env, bool value);
Term binary(ErlNifEnv* env, std::string_view bytes);
Term binaries(ErlNifEnv* env, const std::vector<std::string>& all);
Term numbers(ErlNifEnv* env, const std::vector<pid_t>& all);
Term counters(ErlNifEnv* env, const cgroup::Stats& stats);
Term limits(ErlNifEnv* env, const std::vector<cgroup::Limit>& limits);
Term process(ErlNifEnv* env, const ProcRow& row);
Term list(ErlNifEnv* env, const std::vector<Term>& terms);

/// A map whose keys are atoms.
using Fields = std::vector<std::pair<std::string_view, Term>>;
Term map(ErlNifEnv* env, const Fields& fields);

/// {ok, Term}, and as the port program writes it {error, Stage, Errno, Subject}.
Term ok(ErlNifEnv* env, Term term);
Term error(ErlNifEnv* env, const Error& error);

/// Of a handle.
inline Term refusal(ErlNifEnv* env, int code) { return error(env, {code, Stage::kFile, {}}); }
Term done(ErlNifEnv* env, const Status& status);  ///< {ok, nil}

std::optional<std::string> to_text(ErlNifEnv* env, Term term);  ///< of a binary
std::optional<std::vector<Term>> to_list(ErlNifEnv* env, Term term);
std::optional<std::vector<Term>> to_tuple(ErlNifEnv* env, Term term);
std::optional<std::int32_t> to_int(ErlNifEnv* env, Term term);

/// [{Controllers, Path}], or with Inode and Before, see "places" in protocol/README.md.
std::optional<std::vector<cgroup::Address>> to_addresses(ErlNifEnv* env, Term term);

/// [{Key, Value}]
std::optional<std::vector<cgroup::Limit>> to_limits(ErlNifEnv* env, Term term);

}  // namespace contained::nif
