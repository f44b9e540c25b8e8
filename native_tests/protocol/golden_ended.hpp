// Ends of commands, as the golden frames `ended_...` tell them.
#pragma once

#include <string_view>

#include "protocol/message.hpp"

namespace contained::protocol {

inline Ended quiet_end(Id id, bool exited, int code, std::string_view reason) {
  Ended ended;
  ended.id = id;
  ended.exited = exited;
  ended.code = code;
  ended.reason = reason;
  ended.wall_us = 1;
  return ended;
}

inline Ended core_dump() {
  auto ended = quiet_end(3, false, 11, "signal");
  ended.core_dumped = true;
  return ended;
}

inline Ended out_of_memory() {
  auto ended = quiet_end(6, false, 9, "oom");
  ended.memory_peak = 1048576;
  ended.oom_kills = 1;
  ended.io_read = 2;
  ended.io_written = 3;
  ended.pids_peak = 4;
  ended.not_applied = {"cpu"};
  ended.limits_hit = {"memory"};
  return ended;
}

}  // namespace contained::protocol
