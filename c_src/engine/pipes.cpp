#include "engine/pipes.hpp"

#include <utility>

#include "base/file.hpp"

namespace contained::engine {
namespace {

Status open_stdin(Pipes& pipes, protocol::Stdin how, int null_fd) {
  if (how == protocol::Stdin::kInherit) return Done{};
  if (how == protocol::Stdin::kNull) {
    pipes.child[0] = null_fd;
    return Done{};
  }
  auto ends = make_pipe();
  if (!ends) return ends.error();
  pipes.feed = how == protocol::Stdin::kPipe;
  pipes.in = std::move(ends->write);
  pipes.held[0] = std::move(ends->read);
  pipes.child[0] = pipes.held[0].get();
  return set_nonblocking(pipes.in.get());
}

Status open_output(Pipes& pipes, std::size_t number, UniqueFd& ours, protocol::Output how,
                   int null_fd) {
  if (how == protocol::Output::kInherit) return Done{};
  if (how != protocol::Output::kPipe) {
    pipes.child[number] = how == protocol::Output::kNull ? null_fd : pipes.child[1];
    return Done{};
  }
  auto ends = make_pipe();
  if (!ends) return ends.error();
  ours = std::move(ends->read);
  pipes.held[number] = std::move(ends->write);
  pipes.child[number] = pipes.held[number].get();
  return set_nonblocking(ours.get());
}

}  // namespace

Result<Pipes> make_pipes(const protocol::Start& request, int null_fd) {
  Pipes pipes;
  if (auto made = open_stdin(pipes, request.in, null_fd); !made) return made.error();
  if (auto made = open_output(pipes, 1, pipes.out, request.out, null_fd); !made) {
    return made.error();
  }
  if (auto made = open_output(pipes, 2, pipes.err, request.err, null_fd); !made) {
    return made.error();
  }
  return pipes;
}

}  // namespace contained::engine
