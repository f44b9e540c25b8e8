// Daemon: leaves the terminal, and tells whoever called how the start went.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/unique_fd.hpp"

namespace contained::supervise {

/// The line to the process that was called, which waits for the outcome. Without one, texts go to
/// stderr.
class Outset {
 public:
  using Voice = std::function<void(std::string_view text)>;

  Outset() = default;
  explicit Outset(UniqueFd pipe) : pipe_(std::move(pipe)) {}

  /// A line for the user: on his stderr, or once that is gone by the voice.
  void say(std::string_view text);

  /// Of one who has no stderr after settle(). What was just said is not said again for a minute.
  void use(Voice voice) { voice_ = std::move(voice); }

  /// Who has called may return |code|; nothing reaches him any more.
  void settle(int code);

 private:
  void say_aloud(std::string_view text);

  UniqueFd pipe_;
  Voice voice_;
  std::string last_;
  std::chrono::steady_clock::time_point last_at_;
};

/// What |daemonize| is in each of the two processes that return from it.
struct Parted {
  bool caller = false;
  int code =
      0;  ///< of the caller: what settle() was told; engine::kExitFailed when the other died before
  Outset outset = {};
};

/// The second process to return is in a session of its own, without a terminal to be had: its
/// leader is gone. Its standard streams are /dev/null; directory, umask and environment stay.
Parted daemonize();

}  // namespace contained::supervise
