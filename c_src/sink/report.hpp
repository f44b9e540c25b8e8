// What a sink tells whoever started it, in lines:
//
//     ready                            every sink is open
//     failed STAGE ERRNO SUBJECT       one is not: the program ends
//     trouble ERRNO SUBJECT            from now on something is wrong with SUBJECT, a path or "fd
//     1" over BYTES SUBJECT               it works again, or the program ends; so many were dropped
//     meanwhile counts BYTES DROPPED             since the program started: read, and dropped by
//     all sinks
//
// ERRNO is as of Erlang, "enospc". An episode of trouble is told twice, however long it is; counts
// come when they have changed, at most once a second and at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "sink/moment.hpp"

namespace contained::sink {

class Reports {
 public:
  /// Writes to |fd|, which is not closed, and never waits for a reader; -1: nobody is told but of
  /// trouble, on stderr, for people.
  explicit Reports(int fd);

  bool heard() const { return fd_ >= 0; }

  void ready();
  void failed(const Error& error);
  void trouble(int code, std::string_view subject);
  void over(std::uint64_t dropped, std::string_view subject);

  void count_read(std::size_t bytes) { read_ += bytes; }
  std::uint64_t count_of_read() const { return read_; }
  void count_dropped(std::size_t bytes) { dropped_ += bytes; }

  bool has_news() const { return fd_ >= 0 && (read_ != told_read_ || dropped_ != told_dropped_); }
  void tell_counts();
  void tick(const Moment& now);

 private:
  bool tell(std::string line);

  int fd_;
  std::uint64_t read_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t told_read_ = 0;
  std::uint64_t told_dropped_ = 0;
  std::optional<std::chrono::steady_clock::time_point> told_at_;
};

/// The trouble of one sink. An episode ends when something has worked a second after it last
/// failed.
class Trouble {
 public:
  Trouble(Reports& reports, std::string subject)
      : reports_(reports), subject_(std::move(subject)) {}

  void failed(int code, std::size_t dropped, const Moment& now);
  void worked(const Moment& now);
  void dropped(std::size_t bytes);  ///< more of them, for the same reason
  void end();
  bool on() const { return on_; }

 private:
  Reports& reports_;
  std::string subject_;
  bool on_ = false;
  std::uint64_t dropped_ = 0;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace contained::sink
