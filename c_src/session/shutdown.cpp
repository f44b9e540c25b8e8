#include "session/shutdown.hpp"

#include <algorithm>

namespace contained::session {

std::optional<protocol::Rung> Shutdown::next() {
  if (rung_ == ladder_.size()) return std::nullopt;
  return ladder_[rung_++];
}

std::optional<std::uint64_t> Shutdown::next_kill_pause() {
  constexpr std::uint64_t kGiveUp = 5000;
  constexpr std::uint64_t kLongestPause = 250;
  if (waited_ms_ >= kGiveUp) return std::nullopt;
  const auto pause = pause_ms_;
  waited_ms_ += pause;
  pause_ms_ = std::min(pause_ms_ * 2, kLongestPause);
  return pause;
}

}  // namespace contained::session
