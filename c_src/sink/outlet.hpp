// Outlet: one thing that a sink writes to.
#pragma once

#include <chrono>
#include <string_view>

#include "base/result.hpp"
#include "sink/moment.hpp"

namespace contained::sink {

/// How long an outlet that blocks waits before it tries again.
inline constexpr std::chrono::milliseconds kRetry{200};

class Outlet {
 public:
  virtual ~Outlet() = default;

  /// Before anything is written. An error ends the program.
  virtual Status open() = 0;

  /// Returns when |text| is written or dropped.
  virtual void write(std::string_view text, const Moment& now) = 0;

  /// SIGHUP: whatever has a name is looked for again.
  virtual void reopen(const Moment&) {}

  /// Time has passed. Called at least once a second while restless().
  virtual void tick(const Moment&) {}
  virtual bool restless() const { return false; }

  /// The last byte has been written.
  virtual void finish(const Moment&) {}
};

}  // namespace contained::sink
