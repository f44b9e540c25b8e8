#include "supervise/policy.hpp"

#include <algorithm>

namespace contained::supervise {

// The delay counts from the last start, so what has run for longer is started again at once.
Milliseconds Pace::ended(Milliseconds now, bool failed) {
  const auto ran = now - started_;
  if (!failed || ran >= std::max<Milliseconds>(backoff_.max, 1)) delay_ = backoff_.min;
  const auto wait = delay_ > ran ? delay_ - ran : 0;
  if (failed) {
    const auto longer = static_cast<double>(std::max<Milliseconds>(delay_, 1)) * backoff_.factor;
    delay_ = static_cast<Milliseconds>(std::min(longer, static_cast<double>(backoff_.max)));
  }
  return wait;
}

bool Fuse::holds(Milliseconds now) {
  if (!burst_) return true;
  while (!restarts_.empty() && now - restarts_.front() >= burst_->window) restarts_.pop_front();
  restarts_.push_back(now);
  return restarts_.size() <= burst_->restarts;
}

}  // namespace contained::supervise
