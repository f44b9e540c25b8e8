// Receiver: who is told what becomes of commands. The VM, through its Outbox, or a program of ours
// in the same process.
#pragma once

#include <cstddef>
#include <memory>

#include "protocol/message.hpp"

namespace contained::engine {

class Carrier;

/// Something that may have output: a pump.
class Source {
 public:
  virtual ~Source() = default;

  /// Its turn: loads at most one frame into |carrier|. Returns the bytes loaded; 0 for none.
  virtual std::size_t take_turn(Carrier& carrier) = 0;
};

class Receiver {
 public:
  virtual ~Receiver() = default;

  virtual void send(const protocol::Event& event) = 0;

  /// The same, but in no hurry.
  virtual void send_later(const protocol::Event& event) { send(event); }

  /// Queues |source| for a turn. Only of commands with Output::kPipe; who starts none needs not
  /// have it.
  virtual void offer(const std::shared_ptr<Source>& /*source*/) {}
};

}  // namespace contained::engine
