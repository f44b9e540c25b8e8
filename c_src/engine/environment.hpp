// The environment of commands: our own, which is the VM's at the time the port was opened, less
// what the VM's launcher scripts put there for themselves, plus what each start request changes.
#pragma once

#include <string>
#include <vector>

#include "protocol/message.hpp"

namespace contained::engine {

class Environment {
 public:
  /// |variables| is a null-terminated "NAME=value" array, such as environ(7).
  explicit Environment(const char* const* variables);

  /// "NAME=value" strings, later changes winning.
  std::vector<std::string> with(const std::vector<protocol::EnvChange>& changes, bool clear) const;

 private:
  std::vector<std::string> inherited_;
};

}  // namespace contained::engine
