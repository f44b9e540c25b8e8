// What the tests of `contained supervise` share: a directory, programs in it, and what they leave.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "base/proc.hpp"
#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace contained::test {

class Supervised : public testing::Test {
 protected:
  /// Daemons that a failed test has left.
  void TearDown() override {
    const pid_t pid = number_in("pid");
    if (pid > 0 && lives(pid)) ::kill(pid, SIGKILL);
  }

  Asked asked(std::vector<std::string> words, const std::string& name = "contained") const {
    Asked it = contained(std::move(words));
    it.argv0 = name;
    it.directory = dir_.path();
    return it;
  }

  /// In the foreground, to its end.
  Came supervise(std::vector<std::string> words) const {
    words.insert(words.begin(), {"supervise", "-n"});
    return run_program(asked(std::move(words)));
  }

  /// As a daemon whose pid is in the file "pid".
  Came detach(std::vector<std::string> words) const {
    words.insert(words.begin(), {"supervise", "-p", "pid"});
    return Program(asked(std::move(words))).wait_for_exit();
  }

  std::string text(const std::string& name) const { return content(dir_.path(name)); }
  pid_t number_in(const std::string& name) const { return std::atoi(text(name).c_str()); }

  bool waits_for(const std::string& name, const std::string& part) const {
    return before_long([&] { return text(name).find(part) != std::string::npos; });
  }

  std::size_t count(const std::string& name, const std::string& part) const {
    const auto all = text(name);
    std::size_t found = 0;
    for (auto at = all.find(part); at != std::string::npos; at = all.find(part, at + 1)) ++found;
    return found;
  }

  /// The daemon is told to end, and does.
  void end_daemon() const {
    const pid_t pid = number_in("pid");
    ASSERT_GT(pid, 0);
    ::kill(pid, SIGTERM);
    EXPECT_TRUE(before_long([&] { return !lives(pid); }));
  }

  TempDir dir_;
};

inline const std::string kHelpers = CONTAINED_HELPERS_DIR;

}  // namespace contained::test
