// Policy: what a supervisor was told to do with its command, and the pace of restarts.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace contained::supervise {

using Milliseconds = std::uint64_t;

/// How far apart starts are: |min|, and |factor| times as much after each failure, at most |max|.
/// What has run for |max| begins anew.
struct Backoff {
  Milliseconds min = 1000;
  Milliseconds max = 60'000;
  double factor = 2;
};

/// More than |restarts| within |window| are too many.
struct Burst {
  std::uint64_t restarts = 0;
  Milliseconds window = 0;
};

/// Of the system, see proc_loadavg(5): above |high| the command is paused until it is at most
/// |low|.
struct LoadLimits {
  double high = 0;
  double low = 0;
};

struct Policy {
  bool once = false;                           ///< until it exits with 0
  std::optional<std::uint64_t> most_restarts;  ///< then it is over, whatever the status
  std::optional<Milliseconds> interval;        ///< from an exit with 0 to the next start
  std::optional<Milliseconds> timeout;         ///< of each run
  std::optional<LoadLimits> load;
  Backoff backoff;
  std::optional<Burst> burst;
  bool signals_to_command = false;
  bool signals_to_logger = false;
  bool has_logger = false;
  Milliseconds logger_grace = 5000;  ///< from the end of its input until it is stopped
};

/// When the next start may be. Times are of one clock that nobody sets.
class Pace {
 public:
  explicit Pace(Backoff backoff) : backoff_(backoff), delay_(backoff.min) {}

  void started(Milliseconds now) { started_ = now; }

  /// How long to wait with the next start.
  Milliseconds ended(Milliseconds now, bool failed);

 private:
  Backoff backoff_;
  Milliseconds delay_;
  Milliseconds started_ = 0;
};

/// Counts restarts against a Burst.
class Fuse {
 public:
  explicit Fuse(std::optional<Burst> burst) : burst_(burst) {}

  /// A restart is due. False: it would be one too many.
  bool holds(Milliseconds now);

 private:
  std::optional<Burst> burst_;
  std::deque<Milliseconds> restarts_;
};

}  // namespace contained::supervise
