// The standard streams of one command: our ends and the child's.
#pragma once

#include <array>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

struct Pipes {
  UniqueFd in;        ///< write end of stdin, when it is a pipe; non-blocking
  bool feed = false;  ///< the VM will write to it
  UniqueFd out;       ///< read ends, when they are pipes; non-blocking
  UniqueFd err;

  std::array<int, 3> child = {0, 1, 2};  ///< what becomes 0, 1 and 2 in the child
  std::array<UniqueFd, 3> held;          ///< the child's ends, to be closed after the fork
};

/// Makes what |request| asks for. |null_fd| stands for /dev/null.
Result<Pipes> make_pipes(const protocol::Start& request, int null_fd);

}  // namespace contained::engine
