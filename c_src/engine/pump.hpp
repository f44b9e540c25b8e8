// Pump: one piped output stream of one command.
//
// It waits for output only while the stream has allowance: with no credit left the pipe is not even
// looked at, and the command blocks in write(2).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/unique_fd.hpp"
#include "engine/asio.hpp"
#include "engine/receiver.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

/// How much a stream may send now.
struct Allowance {
  std::uint64_t bytes = 0;
  bool probe = false;  ///< `max_output` is used up: anything more is an overflow
};

class PumpOwner {
 public:
  virtual ~PumpOwner() = default;
  virtual Allowance allowance(protocol::Stream stream) = 0;
  virtual void on_taken(protocol::Stream stream, std::size_t bytes) = 0;
  virtual void on_stream_end(protocol::Stream stream) = 0;
  virtual void on_overflow() = 0;
};

class Pump : public Source, public std::enable_shared_from_this<Pump> {
 public:
  /// Takes ownership of |pipe|, the non-blocking read end. |owner| must outlive it or detach().
  Pump(asio::io_context& io, UniqueFd pipe, protocol::Id id, protocol::Stream stream,
       Receiver& receiver, PumpOwner& owner);

  /// Begins, or begins again after credit has come.
  void resume();

  /// From now on an empty pipe is the end: nobody who could write to it is ours any more.
  void drain();

  /// Closes the pipe; answered by on_stream_end unless it has already ended.
  void discard();

  /// The owner is going away.
  void detach();

  bool ended() const { return ended_; }

  std::size_t take_turn(Carrier& carrier) override;

 private:
  void wait();
  void on_readable();
  void breathe();
  void offer();
  void probe();
  void settle(std::size_t taken, std::size_t asked);
  void end();

  int pipe() { return resting_ ? resting_.get() : watched_.native_handle(); }
  bool is_busy() const { return moved_ >= kBusy; }

  /// What a stream has moved when it counts as busy.
  static constexpr std::uint64_t kBusy = 1U << 20;

  // The pipe is in one of the two. Asio watches a descriptor for as long as it has it, and a busy
  // command would wake the loop with each write although nobody waits for it.
  Descriptor watched_;
  UniqueFd resting_;
  protocol::Id id_;
  protocol::Stream stream_;
  Receiver& receiver_;
  PumpOwner* owner_;
  std::uint64_t moved_ = 0;
  std::optional<asio::steady_timer> pause_;
  bool waiting_ = false;  ///< for the pipe to become readable, or to fill
  bool offered_ = false;  ///< to the receiver
  bool draining_ = false;
  bool ended_ = false;
};

}  // namespace contained::engine
