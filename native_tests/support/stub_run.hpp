// A session below a stub or an init, as the worker would run it. Every process of it carries a mark
// in its environment, so that a survivor is found wherever it is.
#pragma once

#include <dirent.h>
#include <fmt/format.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/proc.hpp"
#include "process/descendants.hpp"
#include "process/stub.hpp"
#include "support/child_run.hpp"

namespace contained::test {

class StubRun {
 public:
  StubRun(SpawnSpec spec, Refused& refused) {
    static int number = 0;
    mark_ = fmt::format("CONTAINED_TEST_MARK={}.{}", ::getpid(), ++number);
    spec.env.push_back(mark_);
    auto pipe = make_pipe();
    spec.stdio[1] = pipe->write.get();
    auto spawned = spec.isolation.own_init ? process::spawn_init(spec, refused)
                                           : process::spawn_stub(spec, refused);
    if (!spawned) {
      failure_ = spawned.error();
      return;
    }
    out_ = std::move(pipe->read);
    spawned_ = std::move(*spawned);
  }
  StubRun(const StubRun&) = delete;
  StubRun& operator=(const StubRun&) = delete;
  ~StubRun() {
    spawned_.control.reset();
    if (pid() > 0 && !spawned_.stub.reaped()) reap(spawned_.stub);
  }

  pid_t pid() const { return spawned_.stub.pid(); }
  Child& stub() { return spawned_.stub; }
  int control() const { return spawned_.control.get(); }
  void close_control() { spawned_.control.reset(); }

  /// "ok", or why the program does not run.
  std::string failure() const {
    if (failure_) return failure_->message();
    const int fd = spawned_.status.get();
    auto status = process::read_exec_status(fd);
    while (status.state == ExecState::kPending && readable(fd)) {
      status = process::read_exec_status(fd);
    }
    return status.state == ExecState::kFailed ? status.error.message() : "ok";
  }

  /// The next event of that type; others are dropped, but for the end.
  template <class Event>
  std::optional<Event> next() {
    for (;;) {
      const auto event = process::read_stub(control());
      if (!event && !readable(control())) return std::nullopt;
      if (!event) continue;
      if (const auto* found = std::get_if<Event>(&*event)) return *found;
      if (std::holds_alternative<process::StubClosed>(*event)) return std::nullopt;
    }
  }

  pid_t leader() {
    const auto event = next<process::StubLeader>();
    return event ? event->pid : 0;
  }
  std::uint64_t count() {
    EXPECT_TRUE(process::stub_count(control()));
    const auto event = next<process::StubCount>();
    return event ? event->processes : 9999;
  }
  int signal(int number, bool leader_only = false) {
    EXPECT_TRUE(process::stub_signal(control(), number, leader_only));
    const auto event = next<process::StubSignaled>();
    return event ? event->code : 9999;
  }

  std::string read_line() {
    std::string line;
    char byte = 0;
    while (readable(out_.get()) && ::read(out_.get(), &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }
  std::string read_rest() { return *read_all(out_.get(), 64U << 20); }

  /// Waits for the stub's end and reaps it.
  ExitStatus end() { return reap(spawned_.stub); }

  /// Milliseconds from the kill to the stub's end, all of it gone; 9999 when anything is left.
  long long kill() {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(process::stub_kill(control()));
    const auto status = end();
    const auto taken = std::chrono::steady_clock::now() - start;
    if (status != ExitStatus{true, 0, false} || !survivors().empty()) return 9999;
    return std::chrono::duration_cast<std::chrono::milliseconds>(taken).count();
  }

  /// All that carry the mark.
  std::vector<pid_t> survivors() const {
    std::vector<pid_t> pids;
    for (const auto& relative : process::descendants_by_walk(1)) {
      const auto path = fmt::format("/proc/{}/environ", relative.pid);
      const auto text = read_file_at(AT_FDCWD, path);
      if (text && text->find(mark_) != std::string::npos) pids.push_back(relative.pid);
    }
    return pids;
  }

 private:
  process::StubSpawned spawned_;
  UniqueFd out_;
  std::string mark_;
  std::optional<Error> failure_;
};

}  // namespace contained::test
