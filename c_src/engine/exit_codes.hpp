// Exit codes of programs of ours without a VM that are not the command's own, as env(1) and
// timeout(1) have them. By signal n: 128 + n.
#pragma once

namespace contained::engine {

inline constexpr int kExitTimedOut = 124;
inline constexpr int kExitFailed = 125;  ///< ours
inline constexpr int kExitCannotExecute = 126;
inline constexpr int kExitNotFound = 127;

}  // namespace contained::engine
