// Starts a program through process::spawn, as the worker would, and waits for its end.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "process/exit_status.hpp"
#include "process/spawn.hpp"

namespace contained::test {

using process::Child;
using process::ExecState;
using process::ExecStatus;
using process::ExitStatus;
using process::Refused;
using process::Spawned;
using process::SpawnSpec;

inline constexpr int kDeadlineMs = 20'000;

/// Asks |condition| every millisecond until it holds; false when it did not in time.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kDeadlineMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

inline std::string helper(const std::string& name) {
  return std::string(CONTAINED_HELPERS_DIR) + "/" + name;
}

/// |argv[0]| is the program, and a helper where it has no slash.
inline SpawnSpec spec_for(std::vector<std::string> argv) {
  SpawnSpec spec;
  if (argv[0].find('/') == std::string::npos) argv[0] = helper(argv[0]);
  spec.program = argv[0];
  spec.args = std::move(argv);
  spec.env = {"PATH=/usr/bin:/bin"};
  return spec;
}

inline bool readable(int fd) {
  pollfd wanted = {fd, POLLIN, 0};
  return ::poll(&wanted, 1, kDeadlineMs) == 1;
}

/// Waits for the last word of the status pipe.
inline ExecStatus exec_status(const Spawned& spawned) {
  const int fd = spawned.status.get();
  auto status = process::read_exec_status(fd);
  while (status.state == ExecState::kPending && readable(fd)) {
    status = process::read_exec_status(fd);
  }
  return status;
}

/// Whether this child has ended; it stays to be reaped.
inline bool ended(pid_t pid) {
  siginfo_t info = {};
  const int options = WEXITED | WNOHANG | WNOWAIT;
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, options) == 0 && info.si_pid == pid;
}

/// Waits for this child and reaps it.
inline ExitStatus reap(Child& child) {
  siginfo_t info = {};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED), 0);
  child.mark_reaped();
  return process::exit_status_of(info);
}

/// A child whose stdout we read; killed and reaped at the end.
class Running {
 public:
  explicit Running(SpawnSpec spec, Refused& refused) {
    auto pipe = make_pipe();
    spec.stdio[1] = pipe->write.get();
    auto spawned = process::spawn(spec, refused);
    if (!spawned) {
      failure_ = spawned.error();
      return;
    }
    out_ = std::move(pipe->read);
    spawned_ = std::move(*spawned);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (spawned_.child.pid() == 0 || spawned_.child.reaped()) return;
    (void)spawned_.child.signal(SIGKILL);
    reap(spawned_.child);
  }

  Child& child() { return spawned_.child; }
  pid_t pid() const { return spawned_.child.pid(); }
  const Spawned& spawned() const { return spawned_; }
  const std::optional<Error>& failure() const { return failure_; }

  std::string read_line() {
    std::string line;
    char byte = 0;
    while (readable(out_.get()) && ::read(out_.get(), &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }

  std::string read_rest() {
    auto text = read_all(out_.get(), 64U << 20);
    return text ? *text : text.error().message();
  }

 private:
  Spawned spawned_;
  UniqueFd out_;
  std::optional<Error> failure_;
};

struct Outcome {
  std::optional<Error> error;  ///< of the spawn, or of the child before its exec
  ExitStatus status;
  std::string out;
};

inline Outcome run(const SpawnSpec& spec, Refused& refused) {
  Running running(spec, refused);
  if (running.failure()) return {running.failure(), {}, {}};
  const auto exec = exec_status(running.spawned());
  std::string out = running.read_rest();
  const auto status = reap(running.child());
  if (exec.state == ExecState::kFailed) return {exec.error, status, out};
  return {std::nullopt, status, out};
}

/// "exec: enoent", or "ok" where there was no failure.
inline std::string failure_of(const Outcome& outcome) {
  return outcome.error ? outcome.error->message() : "ok";
}

inline int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 4096; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

}  // namespace contained::test
