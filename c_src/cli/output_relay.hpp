// What a command writes to a terminal of its own, passed on to our stdout no faster than that is
// read.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "engine/asio.hpp"
#include "engine/carrier.hpp"
#include "engine/receiver.hpp"

namespace contained::cli {

class OutputRelay {
 public:
  /// |on_written| is told how much has been written, |on_broken| once that nobody reads any more;
  /// what comes then is dropped.
  OutputRelay(engine::asio::io_context& io, std::function<void(std::size_t)> on_written,
              std::function<void()> on_broken);

  void offer(const std::shared_ptr<engine::Source>& source);

  /// Nothing is under way.
  bool idle() const { return broken_ || (carrier_.empty() && waiting_.empty()); }

 private:
  void take();
  void await_room();
  void write();
  void finish();

  engine::asio::io_context& io_;
  std::function<void(std::size_t)> on_written_;
  std::function<void()> on_broken_;
  std::optional<engine::Descriptor> room_;
  engine::Carrier carrier_{false};
  std::deque<std::shared_ptr<engine::Source>> waiting_;
  bool broken_ = false;
};

}  // namespace contained::cli
