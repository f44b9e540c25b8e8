// Names of signals, without those of one C library: musl has no sigabbrev_np(3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace contained {

/// "TERM", "SIGTERM", "term" or "15"; 1 to 64.
std::optional<int> signal_named(std::string_view text);

/// "TERM"; "34" of one without a name.
std::string signal_name(int number);

}  // namespace contained
