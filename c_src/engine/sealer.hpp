// Sealer: what a start request wants to be forbidden, as the child needs it. Compiled filters are
// kept, for most commands of a VM share a few profiles.
#pragma once

#include <deque>
#include <memory>

#include "base/result.hpp"
#include "process/seal.hpp"
#include "protocol/seal.hpp"

namespace contained::engine {

class Sealer {
 public:
  /// Errors as of process::compile(); EINVAL at Stage::kSeccomp also for an errno of another name.
  Result<process::Seal> seal(const protocol::Seal& asked);

 private:
  using Filter = std::shared_ptr<const process::SeccompFilter>;
  struct Made {
    protocol::Seccomp profile;
    Filter filter;
  };
  Result<Filter> filter_of(const protocol::Seccomp& profile);

  std::deque<Made> made_;  ///< the newest first
};

}  // namespace contained::engine
