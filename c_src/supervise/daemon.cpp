#include "supervise/daemon.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/file.hpp"
#include "engine/exit_codes.hpp"

namespace contained::supervise {
namespace {

// Ends the texts on the pipe; the exit code follows.
constexpr char kEnd = '\0';

constexpr std::chrono::minutes kRepeatAfter{1};

Parted failed(const Error& error) {
  fmt::print(stderr, "contained: {}\n", error.message());
  return {true, engine::kExitFailed};
}

void print(std::string_view text) { fmt::print(stderr, "{}", text); }

// A guardian that lives on holds the pipe, too: its end says that all are dead.
int hear_outcome(int pipe) {
  std::string heard;
  std::array<char, 512> chunk = {};
  for (;;) {
    const auto count = ::read(pipe, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count > 0) heard.append(chunk.data(), static_cast<std::size_t>(count));
    const auto end = heard.find(kEnd);
    const bool whole = end != std::string::npos && end + 1 < heard.size();
    if (count > 0 && !whole) continue;
    print(std::string_view(heard).substr(0, end));
    if (whole) return static_cast<unsigned char>(heard[end + 1]);
    print("contained: the supervisor was killed before it could start anything\n");
    return engine::kExitFailed;
  }
}

void leave_streams() {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
}

}  // namespace

void Outset::say(std::string_view text) {
  if (!pipe_ && voice_) return say_aloud(text);
  const auto line = fmt::format("contained: {}\n", text);
  if (!pipe_) return print(line);
  (void)!::write(pipe_.get(), line.data(), line.size());
}

// A start that fails is tried again and again.
void Outset::say_aloud(std::string_view text) {
  const auto now = std::chrono::steady_clock::now();
  if (text == last_ && now - last_at_ < kRepeatAfter) return;
  last_ = text;
  last_at_ = now;
  voice_(text);
}

void Outset::settle(int code) {
  if (!pipe_) return;
  const std::array<char, 2> word = {kEnd, static_cast<char>(code)};
  (void)!::write(pipe_.get(), word.data(), word.size());
  pipe_.reset();
}

Parted daemonize() {
  auto pipe = make_pipe();
  if (!pipe) return failed(pipe.error());
  const pid_t middle = ::fork();
  if (middle < 0) return failed(Error::last(Stage::kFork));
  if (middle > 0) {
    pipe->write.reset();
    int status = 0;
    while (::waitpid(middle, &status, 0) < 0 && errno == EINTR) {
    }
    return {true, hear_outcome(pipe->read.get())};
  }
  pipe->read.reset();
  ::setsid();
  // No longer the leader of its session, so that no terminal that it opens becomes its own.
  const pid_t last = ::fork();
  if (last != 0) ::_exit(last < 0 ? engine::kExitFailed : 0);
  leave_streams();
  return {false, 0, Outset(std::move(pipe->write))};
}

}  // namespace contained::supervise
