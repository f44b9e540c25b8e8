// Exit codes of the program that are not a command's own.
#pragma once

#include "engine/exit_codes.hpp"

namespace contained::cli {

inline constexpr int kOk = 0;
inline constexpr int kNo = 1;     ///< not running, already running, failed
inline constexpr int kUsage = 2;  ///< of everything but `run`, which has kRunFailed for it

inline constexpr int kRunFailed = engine::kExitFailed;

}  // namespace contained::cli
