// Front: the guardian of a program without a VM, with whom its caller deals. It passes on to the
// worker the signals that it is sent, by a pipe: in their order, none lost.
#pragma once

#include <functional>

#include "base/unique_fd.hpp"
#include "engine/asio.hpp"
#include "engine/guardian.hpp"

namespace contained::engine {

/// The worker's end of the pipe.
class FrontSignals {
 public:
  FrontSignals(asio::io_context& io, UniqueFd pipe);

  /// Calls |on_signal| for each signal from now on.
  void listen(std::function<void(int)> on_signal);

 private:
  void wait();

  Descriptor pipe_;
  std::function<void(int)> on_signal_;
};

struct FrontOptions {
  cgroup::Wanted cgroups;

  /// Whether the worker leaves our session, and with it the terminal. If not, what the terminal
  /// sends reaches the command from there, and is not passed on.
  bool new_session = false;

  /// Nevertheless passes on the terminal's TERM, INT, HUP and QUIT: for who does more than hand
  /// them on.
  bool terminal_ends = false;

  /// The command has a terminal of its own: all that ours sends is passed on.
  bool other_terminal = false;

  /// The worker's life; returns its exit code, which becomes the front's.
  std::function<int(asio::io_context&, const Place&, FrontSignals&)> work;
};

/// TERM, HUP, INT, QUIT, USR1, USR2, ALRM, WINCH and CONT are passed on; TSTP is, and stops the
/// front. Returns the exit code of the program, in the front and in the worker.
int run_front(const FrontOptions& options);

}  // namespace contained::engine
