// Outbox: the one writer of the VM's pipe.
//
// A frame under way is finished before anything else. Control frames go first, but only between
// frames and never past their own session's output, because output is taken from a command's pipe
// only when nothing else waits. Commands with output take turns, one frame a turn.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/unique_fd.hpp"
#include "engine/asio.hpp"
#include "engine/carrier.hpp"
#include "engine/receiver.hpp"

namespace contained::engine {

class Outbox : public Receiver {
 public:
  /// Takes ownership of |vm| and makes it non-blocking. |on_broken| is called once when the VM no
  /// longer reads; from then on everything is dropped.
  Outbox(asio::io_context& io, UniqueFd vm, bool splice, std::function<void()> on_broken);

  /// Queues a control frame.
  void send(const protocol::Event& event) override;

  /// The same, but in no hurry: it leaves with whatever is sent next, and after 5 ms by itself. One
  /// write in place of several is one wake-up of the VM.
  void send_later(const protocol::Event& event) override;

  /// Queues |source| for a turn.
  void offer(const std::shared_ptr<Source>& source) override;

  /// So much waits for a VM that does not read that no more of its requests should be taken;
  /// |when_relieved| is called once when that is over.
  bool crowded() const { return control_.size() >= kCrowd; }
  void notify(std::function<void()> when_relieved) { relieved_ = std::move(when_relieved); }

  /// Nothing is queued or under way.
  bool idle() const;
  bool broken() const { return broken_; }
  bool splices() const { return carrier_.splices(); }

  /// Writes what can be written without waiting; for the last words before the end.
  void flush();

 private:
  static constexpr std::size_t kCrowd = 16384;  ///< answers; far beyond what a VM that reads leaves

  void schedule();
  void turn();
  void relieve();
  bool push_all();
  bool push_control();
  void wait_writable();
  void break_off();

  asio::io_context& io_;
  Descriptor vm_;
  Carrier carrier_;
  std::function<void()> on_broken_;
  std::function<void()> relieved_;
  std::deque<std::string> control_;
  std::size_t control_sent_ = 0;  ///< bytes of the first control frame already written
  std::deque<std::shared_ptr<Source>> ready_;
  asio::steady_timer later_;
  bool later_armed_ = false;
  bool scheduled_ = false;
  bool waiting_ = false;
  bool broken_ = false;
};

}  // namespace contained::engine
