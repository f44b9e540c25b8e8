// Runs programs as a shell would: words, environment, stdin; what came of them.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.hpp"

namespace contained::test {

struct Came {
  int status = -1;  ///< of waitpid(2); -1: killed by us, it took too long
  std::string out;
  std::string err;

  bool timed_out() const { return status == -1; }
  /// As a shell has it: 128 + n when it died of signal n, -1 when it took too long.
  int code() const {
    if (timed_out()) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
};

struct Asked {
  std::vector<std::string> words;               ///< the first is the program, a path
  std::map<std::string, std::string> env = {};  ///< beside PATH=/usr/bin:/bin...
  std::optional<std::string> input = {};        ///< its stdin; none: /dev/null
  std::string directory = {};                   ///< where it runs; empty: here
  std::vector<int> closed = {};                 ///< of 0, 1 and 2
  std::string argv0 = {};                       ///< instead of the program's path
};

/// A program that runs in a session of its own, with pipes to us. Killed, with its process group,
/// at the end.
class Program {
 public:
  explicit Program(Asked asked) : asked_(std::move(asked)) { start(); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  /// To its stdin; false when that is closed.
  bool write(const std::string& text) const {
    return ::write(in_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  void close_input() { in_.reset(); }

  /// What it has written so far, read until |text| is in it; false when that does not come in time.
  bool wait_for_output(const std::string& text) {
    return pump([&] { return came_.out.find(text) != std::string::npos; });
  }
  const std::string& output() const { return came_.out; }
  const std::string& errors() const { return came_.err; }

  /// Closes its stdin, and waits until it has ended and its output is read (to the end of file).
  Came wait() {
    in_.reset();
    pump([&] { return !out_ && !err_; });
    reap();
    return came_;
  }

  /// Until it has ended, whoever still holds its output; its stdin stays open.
  Came wait_for_exit() {
    pump([&] { return ended(); });
    drain(out_, came_.out);
    drain(err_, came_.err);
    reap();
    return came_;
  }

 private:
  // What is in the pipe, and no waiting for more.
  static void drain(UniqueFd& fd, std::string& text) {
    pollfd wanted = {fd.get(), POLLIN, 0};
    while (fd && ::poll(&wanted, 1, 0) == 1) take(fd, text, wanted.revents);
  }

  static constexpr std::chrono::seconds kDeadline{60};

  bool ended() const {
    siginfo_t info = {};
    const int options = WEXITED | WNOHANG | WNOWAIT;
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, options) == 0 && info.si_pid == pid_;
  }

  void reap() {
    if (pid_ <= 0) return;
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (!ended() && std::chrono::steady_clock::now() < end) ::poll(nullptr, 0, 1);
    const bool late = !ended();
    if (late) ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, &came_.status, 0);
    if (late) came_.status = -1;
    pid_ = 0;
  }

  void start() {
    auto in = make_pipe();
    auto out = make_pipe();
    auto err = make_pipe();
    ::signal(SIGPIPE, SIG_IGN);
    std::vector<std::string> env = {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"};
    for (const auto& [name, value] : asked_.env) env.push_back(name + "=" + value);
    const auto& program = asked_.words.front();
    auto words = asked_.words;
    if (!asked_.argv0.empty()) words.front() = asked_.argv0;
    const auto argv = pointers(words);
    const auto envp = pointers(env);
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setsid();
      ::signal(SIGPIPE, SIG_DFL);
      const int streams[] = {asked_.input ? in->read.get() : null, out->write.get(),
                             err->write.get()};
      for (int fd = 0; fd < 3; ++fd) ::dup2(streams[fd], fd);
      for (const int fd : asked_.closed) ::close(fd);
      if (!asked_.directory.empty() && ::chdir(asked_.directory.c_str()) != 0) ::_exit(250);
      ::execve(program.c_str(), argv.data(), envp.data());
      ::_exit(251);
    }
    ::close(null);
    in_ = std::move(in->write);
    out_ = std::move(out->read);
    err_ = std::move(err->read);
    if (asked_.input && !asked_.input->empty()) write(*asked_.input);
    if (!asked_.input) in_.reset();
  }

  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  }

  static void take(UniqueFd& fd, std::string& text, short events) {
    if (events == 0) return;
    std::array<char, 65536> bytes = {};
    const auto count = ::read(fd.get(), bytes.data(), bytes.size());
    if (count <= 0) return fd.reset();
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }

  bool pump(const std::function<bool()>& enough) {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (!enough()) {
      if (std::chrono::steady_clock::now() > end) return false;
      pollfd wanted[] = {{out_ ? out_.get() : -1, POLLIN, 0}, {err_ ? err_.get() : -1, POLLIN, 0}};
      const bool open = out_ || err_;
      if (::poll(wanted, 2, open ? 5 : 1) <= 0 && !open && ended()) return enough();
      if (out_) take(out_, came_.out, wanted[0].revents);
      if (err_) take(err_, came_.err, wanted[1].revents);
    }
    return true;
  }

  Asked asked_;
  pid_t pid_ = 0;
  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
  Came came_;
};

/// Runs it to its end.
inline Came run_program(Asked asked) { return Program(std::move(asked)).wait(); }

/// `contained` with these words.
inline Asked contained(std::vector<std::string> words) {
  words.insert(words.begin(), CONTAINED_CLI_PATH);
  return {.words = std::move(words)};
}

}  // namespace contained::test
