// The descriptors of one command: our ends and the child's.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "engine/links.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

/// Our write end of a pipe that the child reads; non-blocking.
struct InputPipe {
  int number = 0;  ///< of the descriptor in the child
  UniqueFd fd;
  bool feed = false;      ///< the VM will write to it; else it is held and silent
  bool terminal = false;  ///< no pipe, but our end of the command's terminal
};

/// Our read end of a pipe that the child writes; non-blocking.
struct OutputPipe {
  protocol::Stream stream = protocol::Stream::kStdout;
  UniqueFd fd;
};

struct Pipes {
  std::vector<InputPipe> inputs;
  std::vector<OutputPipe> outputs;

  std::array<int, 3> child = {0, 1, 2};  ///< what becomes 0, 1 and 2 in the child
  int terminal_number = -1;              ///< which of them is the command's terminal, the first one
  UniqueFd terminal;                     ///< our end of it, to be resized
  std::vector<std::pair<int, int>>
      extras;                  ///< further ones: number in the child, and what becomes it
  std::vector<UniqueFd> held;  ///< the child's ends, to be closed after the fork
};

/// Makes what |request| asks for. |null_fd| stands for /dev/null.
Result<Pipes> make_pipes(const protocol::Start& request, int null_fd, const Links& links);

}  // namespace contained::engine
