// The pseudo terminal of a command.
#pragma once

#include <cstdint>

namespace contained::protocol {

struct TerminalSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  bool operator==(const TerminalSize&) const = default;
};

struct Terminal {
  TerminalSize size = {};
  bool echo = false;  ///< what the command is sent comes back as output
  bool operator==(const Terminal&) const = default;
};

}  // namespace contained::protocol
