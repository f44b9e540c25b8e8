// What --verbose and CONTAINED_DEBUG tell on stderr, by areas.
#pragma once

#include <sys/types.h>

#include <string_view>

namespace contained::cli {

struct CommandOptions;

/// Bits of CommandOptions::verbose.
inline constexpr unsigned kTellSpawn = 1;   ///< what is started, as whom, and how it ended
inline constexpr unsigned kTellCgroup = 2;  ///< the groups and why these, the limits in them
inline constexpr unsigned kTellSignal = 4;  ///< what came, what was passed on, stops
inline constexpr unsigned kTellAll = kTellSpawn | kTellCgroup | kTellSignal;

/// "cgroup,spawn" as bits; "1" and "all" are all, "0" and "" none. Throws CLI::ValidationError with
/// the words there are.
unsigned areas_of(std::string_view words);

/// What was asked for. REQUIRES: finish().
void tell_plan(const CommandOptions& options);

/// The groups of a process and the limits in force there, by the name of |who| has started it; of
/// one that is gone already nothing.
void tell_groups(std::string_view who, pid_t pid);

}  // namespace contained::cli
