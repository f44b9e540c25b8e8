// What a test does in a process of its own, for it gives up there what it cannot get back.
#pragma once

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "base/file.hpp"

namespace contained::test {

inline constexpr uid_t kNobody = 65534;

// What |body| says in a process of its own, prepared by |prepare|.
inline std::string elsewhere(const std::function<void()>& prepare,
                             const std::function<std::string()>& body) {
  auto pipe = make_pipe();
  const pid_t pid = ::fork();
  if (pid == 0) {
    prepare();
    const auto text = body();
    const bool told = ::write(pipe->write.get(), text.data(), text.size()) >= 0;
    ::_exit(told && !::testing::Test::HasFailure() ? 0 : 1);
  }
  pipe->write.reset();
  auto text = read_all(pipe->read.get());
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  return text ? *text : text.error().message();
}

// As a worker that an unprivileged user has started: after an exec its /proc is its own.
inline void become_nobody() {
  if (::setgroups(0, nullptr) < 0 || ::setresgid(kNobody, kNobody, kNobody) < 0 ||
      ::setresuid(kNobody, kNobody, kNobody) < 0 || ::prctl(PR_SET_DUMPABLE, 1) < 0) {
    ::_exit(91);
  }
}

}  // namespace contained::test
