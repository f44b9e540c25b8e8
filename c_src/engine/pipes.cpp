#include "engine/pipes.hpp"

#include <fcntl.h>

#include <utility>

#include "base/file.hpp"
#include "engine/terminal.hpp"

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

Result<UniqueFd> again(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) return Error::last(Stage::kStdio, "pty");
  return copy;
}

// What a child is given, and its parent closes after the fork.
Result<int> hold(Pipes& pipes, Result<UniqueFd> end) {
  if (!end) return end.error();
  pipes.held.push_back(std::move(*end));
  return pipes.held.back().get();
}

class Maker {
 public:
  Maker(const protocol::Start& request, int null_fd, const Links& links)
      : request_(request), null_fd_(null_fd), links_(links) {}

  Result<Pipes> make() {
    if (request_.terminal) {
      auto opened = make_terminal();
      if (!opened) return opened.error();
    }
    auto in = input();
    if (!in) return in.error();
    pipes_.child[0] = *in;
    auto out = output(protocol::Stream::kStdout, request_.out, request_.out_link);
    if (!out) return out.error();
    pipes_.child[1] = *out;
    auto err = output(protocol::Stream::kStderr, request_.err, request_.err_link);
    if (!err) return err.error();
    pipes_.child[2] = *err;
    for (const auto& fd : request_.fds) {
      auto made = extra(fd);
      if (!made) return made.error();
      pipes_.extras.emplace_back(fd.number, *made);
    }
    return std::move(pipes_);
  }

 private:
  Status make_terminal() {
    auto opened = open_terminal(*request_.terminal);
    if (!opened) return opened.error();
    pipes_.terminal = std::move(opened->ours);
    pipes_.held.push_back(std::move(opened->commands));
    return Done{};
  }

  // The command's end of the terminal; the first descriptor that has it names it.
  int terminal_as(int number) {
    if (pipes_.terminal_number < 0) pipes_.terminal_number = number;
    return pipes_.held.front().get();
  }

  Result<int> input_from_terminal() {
    auto ours = again(pipes_.terminal.get());
    if (!ours) return ours.error();
    const bool feed = request_.in == protocol::Stdin::kPipe;
    pipes_.inputs.push_back({0, std::move(*ours), feed, true});
    return terminal_as(0);
  }

  Result<int> output_to_terminal() {
    auto ours = again(pipes_.terminal.get());
    if (!ours) return ours.error();
    pipes_.outputs.push_back({protocol::Stream::kStdout, std::move(*ours)});
    return terminal_as(1);
  }

  Result<int> input() {
    switch (request_.in) {
      case protocol::Stdin::kInherit:
        return 0;
      case protocol::Stdin::kNull:
        return null_fd_;
      case protocol::Stdin::kLink:
        return hold(pipes_, links_.reader(request_.in_link));
      case protocol::Stdin::kOpen:
      case protocol::Stdin::kPipe:
        break;
    }
    if (pipes_.terminal) return input_from_terminal();
    return open_input(pipes_, 0, request_.in == protocol::Stdin::kPipe);
  }

  Result<int> output(protocol::Stream stream, protocol::Output how, const std::string& link) {
    switch (how) {
      case protocol::Output::kInherit:
        return static_cast<int>(stream);
      case protocol::Output::kNull:
        return null_fd_;
      case protocol::Output::kStdout:
        return pipes_.child[1];
      case protocol::Output::kLink:
        return hold(pipes_, links_.writer(link));
      case protocol::Output::kPipe:
        break;
    }
    if (pipes_.terminal && stream == protocol::Stream::kStdout) return output_to_terminal();
    return open_output(pipes_, stream);
  }

  Result<int> extra(const protocol::Fd& fd) {
    switch (fd.kind) {
      case protocol::Fd::Kind::kOutput:
        return open_output(pipes_, static_cast<protocol::Stream>(fd.number));
      case protocol::Fd::Kind::kInput:
        return open_input(pipes_, fd.number, true);
      case protocol::Fd::Kind::kStdout:
        return pipes_.child[1];
      case protocol::Fd::Kind::kStderr:
        return pipes_.child[2];
      case protocol::Fd::Kind::kLinkIn:
        return hold(pipes_, links_.reader(fd.link));
      case protocol::Fd::Kind::kLinkOut:
        return hold(pipes_, links_.writer(fd.link));
      case protocol::Fd::Kind::kNull:
        break;
    }
    return null_fd_;
  }

  const protocol::Start& request_;
  int null_fd_;
  const Links& links_;
  Pipes pipes_;
};

}  // namespace

Result<Pipes> make_pipes(const protocol::Start& request, int null_fd, const Links& links) {
  return Maker(request, null_fd, links).make();
}

}  // namespace contained::engine
