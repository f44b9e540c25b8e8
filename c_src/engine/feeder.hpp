// Feeder: the VM's bytes into one command's stdin, never waiting for a command that does not read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "engine/asio.hpp"
#include "session/window.hpp"

namespace contained::engine {

class FeederOwner {
 public:
  virtual ~FeederOwner() = default;
  /// The command's pipe has taken |bytes|: the VM may send so many more.
  virtual void on_fed(std::size_t bytes) = 0;
  /// Nobody reads any more; |code| is an errno value, EPIPE.
  virtual void on_input_closed(int code) = 0;
};

class Feeder : public std::enable_shared_from_this<Feeder> {
 public:
  /// Takes ownership of |pipe|, the non-blocking write end, or our end of a |terminal|. |owner|
  /// must outlive it or detach().
  Feeder(asio::io_context& io, UniqueFd pipe, bool terminal, FeederOwner& owner);

  /// False, and nothing taken, when |data| exceeds the input window.
  [[nodiscard]] bool feed(std::string_view data);

  /// End of file once all that was fed is written.
  void close();

  /// The owner is going away.
  void detach();

 private:
  void end_by_terminal();
  std::size_t write_some(std::string_view data);
  void write_pending();
  void wait();
  void fail(int code);

  Descriptor pipe_;
  FeederOwner* owner_;
  session::Window window_;
  std::string pending_;
  std::size_t written_ = 0;  ///< of |pending_|
  std::size_t own_ = 0;      ///< bytes at the end of |pending_| that nobody has fed
  bool terminal_;
  bool at_line_start_ = true;
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace contained::engine
