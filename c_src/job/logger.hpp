// Logger: a job's log, written by a sink of ours (c_src/sink), a command like others that reads a
// link.
//
// A sink that dies is started again and goes on with what is in the link; meanwhile the job waits
// when that is full.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/asio.hpp"
#include "engine/household.hpp"
#include "protocol/message.hpp"

namespace contained::job {

class Logger {
 public:
  struct Listener {
    std::function<void()> on_ready;               ///< once: its files are open
    std::function<void(const Error&)> on_failed;  ///< once, instead: they cannot be
    std::function<void()> on_over;                ///< after close(): all is written
  };

  static constexpr char kLink[] = "log";  ///< what the job writes to

  /// |words| are a sink's, see sink/options.hpp. Its commands have the ids from |first_id| on.
  Logger(engine::asio::io_context& io, engine::Household& household, protocol::Id first_id,
         std::vector<std::string> words, Listener listener);

  Status start();

  /// What the household tells of one of its commands; false when it is of none.
  bool take(const protocol::Event& event);

  /// Opens the files anew.
  void reopen();

  /// The job is over: what is in the link is written, then the sink ends; after kGrace it is
  /// killed.
  void close();
  static constexpr std::chrono::seconds kGrace{10};

  /// Nothing more is started or told.
  void abandon() { failed_ = closing_ = true; }

  std::uint64_t dropped() const { return dropped_before_ + dropped_; }

 private:
  Status launch();
  void relaunch_later();
  Status listen();
  void await_report();
  void take_report(const std::string& line);
  void on_end();
  void fail(const Error& error);

  engine::asio::io_context& io_;
  engine::Household& household_;
  protocol::Id id_;
  std::vector<std::string> words_;
  Listener listener_;
  std::optional<engine::Descriptor> report_;
  engine::asio::steady_timer timer_;
  std::string unread_;
  std::chrono::milliseconds pause_{50};
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_before_ = 0;
  bool ready_ = false;
  bool failed_ = false;
  bool closing_ = false;
};

}  // namespace contained::job
