// Our stdin, passed on to a command no faster than it reads, and watched for its end.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

#include "engine/asio.hpp"

namespace contained::cli {

class InputRelay {
 public:
  /// |feed| gets what is read, at most |window| bytes beyond the credit; |on_end| is called once,
  /// at the end of the file and when its writers are gone, whatever is still unread.
  InputRelay(engine::asio::io_context& io, std::size_t window,
             std::function<void(std::string_view)> feed, std::function<void()> on_end);

  void begin();

  /// So many bytes more may be fed.
  void credit(std::size_t bytes);

 private:
  void arm();
  void on_ready();
  void read_some();
  void watch_for(bool input);
  void end();

  engine::asio::io_context& io_;
  std::size_t room_;
  std::function<void(std::string_view)> feed_;
  std::function<void()> on_end_;
  std::optional<engine::Descriptor> ready_;
  bool ended_ = false;
};

}  // namespace contained::cli
