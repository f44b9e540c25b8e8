// The child half of a spawn on its own, after a plain fork.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "process/child_setup.hpp"
#include "process/status_word.hpp"
#include "support/child_run.hpp"

namespace contained::test {

using Prepare = std::function<void(process::ChildPlan&)>;

// Runs the child half after a plain fork, and after |prepare| arranged things in the child.
class ChildHalf {
 public:
  ChildHalf(std::vector<std::string> argv, const Prepare& prepare) {
    auto status = make_pipe();
    auto out = make_pipe();
    if (argv[0].find('/') == std::string::npos) argv[0] = helper(argv[0]);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) become(argv, parent, status->write.get(), out->write.get(), prepare);
    status_ = std::move(status->read);
    out_ = std::move(out->read);
  }
  ChildHalf(const ChildHalf&) = delete;
  ChildHalf& operator=(const ChildHalf&) = delete;
  ~ChildHalf() { end(); }

  pid_t pid() const { return pid_; }
  std::string out() { return *read_all(out_.get()); }

  // "exec: enoent", or "" when the pipe was closed without a word.
  std::string failure() {
    process::StatusWord word = {};
    const auto n = ::read(status_.get(), word.data(), word.size());
    return n == 0 ? "" : process::decode_status(word).message();
  }

  int exit_code() {
    siginfo_t info = {};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED);
    pid_ = 0;
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
  }

  bool stopped() const {
    siginfo_t info = {};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT);
    return info.si_code == CLD_STOPPED;
  }

 private:
  [[noreturn]] static void become(const std::vector<std::string>& argv, pid_t parent, int status,
                                  int out, const Prepare& prepare) {
    std::vector<char*> pointers;
    pointers.reserve(argv.size() + 1);
    for (const auto& arg : argv) pointers.push_back(const_cast<char*>(arg.c_str()));
    pointers.push_back(nullptr);
    char* none = nullptr;
    process::ChildPlan plan;
    plan.program = pointers[0];
    plan.argv = pointers.data();
    plan.envp = &none;
    plan.stdio = {0, out, 2};
    plan.status_fd = status;
    plan.parent = parent;
    prepare(plan);
    process::run_child(plan);
  }

  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid_ = 0;
  UniqueFd status_;
  UniqueFd out_;
};

}  // namespace contained::test
