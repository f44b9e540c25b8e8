// Exit codes of the program that are not a command's own.
#pragma once

namespace contained::cli {

inline constexpr int kOk = 0;
inline constexpr int kNo = 1;     ///< not running, already running, failed
inline constexpr int kUsage = 2;  ///< of everything but `run`, which has kRunFailed for it

// Of `run`, as env(1) and timeout(1) have them; 126 and 127 are engine::exit_code_of()'s. By signal
// n: 128 + n.
inline constexpr int kTimedOut = 124;
inline constexpr int kRunFailed = 125;

}  // namespace contained::cli
