#include "engine/pipes.hpp"

#include <utility>

#include "base/file.hpp"

namespace contained::engine {
namespace {

// Returns the child's end.
Result<int> open_input(Pipes& pipes, int number, bool feed) {
  auto ends = make_pipe();
  if (!ends) return ends.error();
  const auto set = set_nonblocking(ends->write.get());
  if (!set) return set.error();
  pipes.inputs.push_back({number, std::move(ends->write), feed});
  pipes.held.push_back(std::move(ends->read));
  return pipes.held.back().get();
}

Result<int> open_output(Pipes& pipes, protocol::Stream stream) {
  auto ends = make_pipe();
  if (!ends) return ends.error();
  const auto set = set_nonblocking(ends->read.get());
  if (!set) return set.error();
  pipes.outputs.push_back({stream, std::move(ends->read)});
  pipes.held.push_back(std::move(ends->write));
  return pipes.held.back().get();
}

Result<int> child_stdin(Pipes& pipes, protocol::Stdin how, int null_fd) {
  if (how == protocol::Stdin::kInherit) return 0;
  if (how == protocol::Stdin::kNull) return null_fd;
  return open_input(pipes, 0, how == protocol::Stdin::kPipe);
}

Result<int> child_output(Pipes& pipes, protocol::Stream stream, protocol::Output how, int null_fd) {
  switch (how) {
    case protocol::Output::kInherit:
      return static_cast<int>(stream);
    case protocol::Output::kNull:
      return null_fd;
    case protocol::Output::kStdout:
      return pipes.child[1];
    case protocol::Output::kPipe:
      break;
  }
  return open_output(pipes, stream);
}

Result<int> child_extra(Pipes& pipes, const protocol::Fd& fd, int null_fd) {
  switch (fd.kind) {
    case protocol::Fd::Kind::kOutput:
      return open_output(pipes, static_cast<protocol::Stream>(fd.number));
    case protocol::Fd::Kind::kInput:
      return open_input(pipes, fd.number, true);
    case protocol::Fd::Kind::kStdout:
      return pipes.child[1];
    case protocol::Fd::Kind::kStderr:
      return pipes.child[2];
    case protocol::Fd::Kind::kNull:
      break;
  }
  return null_fd;
}

}  // namespace

Result<Pipes> make_pipes(const protocol::Start& request, int null_fd) {
  Pipes pipes;
  auto in = child_stdin(pipes, request.in, null_fd);
  if (!in) return in.error();
  pipes.child[0] = *in;
  auto out = child_output(pipes, protocol::Stream::kStdout, request.out, null_fd);
  if (!out) return out.error();
  pipes.child[1] = *out;
  auto err = child_output(pipes, protocol::Stream::kStderr, request.err, null_fd);
  if (!err) return err.error();
  pipes.child[2] = *err;
  for (const auto& fd : request.fds) {
    auto extra = child_extra(pipes, fd, null_fd);
    if (!extra) return extra.error();
    pipes.extras.emplace_back(fd.number, *extra);
  }
  return pipes;
}

}  // namespace contained::engine
