// Seal: what is taken from a command in the last step before its exec, for ever.
#pragma once

#include <memory>
#include <vector>

#include "process/landlock.hpp"
#include "process/last_word.hpp"
#include "process/seccomp.hpp"

namespace contained::process {

struct Seal {
  std::vector<LandlockPath> paths = {};                   ///< empty: all files as before
  std::shared_ptr<const SeccompFilter> filter = nullptr;  ///< null: all calls as before
  std::shared_ptr<const LastWord> last_word = nullptr;    ///< goes with |filter|

  /// Nothing is taken.
  bool open() const { return paths.empty() && filter == nullptr; }
};

}  // namespace contained::process
