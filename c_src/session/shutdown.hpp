// The stop ladder: which signal is next and how long it has. After the last rung comes SIGKILL to
// the whole group, again and again until it is empty, but not for ever: a task in state D cannot
// die.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/message.hpp"

namespace contained::session {

class Shutdown {
 public:
  explicit Shutdown(protocol::Ladder ladder) : ladder_(std::move(ladder)) {}

  /// The next rung, or nothing: the time has come to kill.
  std::optional<protocol::Rung> next();

  /// Whether there was a rung at all.
  bool asked() const { return rung_ > 0; }

  /// Milliseconds until the group is looked at and killed again: 10, 20, 40 ... 250; nothing once
  /// 5 s have gone by in all, and what still lives is beyond SIGKILL.
  std::optional<std::uint64_t> next_kill_pause();

 private:
  protocol::Ladder ladder_;
  std::size_t rung_ = 0;
  std::uint64_t pause_ms_ = 10;
  std::uint64_t waited_ms_ = 0;
};

}  // namespace contained::session
