// Moment: now, by the calendar and by a clock that nobody sets.
#pragma once

#include <chrono>
#include <ctime>

namespace contained::sink {

struct Moment {
  std::chrono::system_clock::time_point wall;
  std::chrono::steady_clock::time_point steady;

  static Moment now() {
    return {std::chrono::system_clock::now(), std::chrono::steady_clock::now()};
  }

  std::time_t seconds() const { return std::chrono::system_clock::to_time_t(wall); }
};

}  // namespace contained::sink
