// What the control group tests against the real kernel share: a directory of their own in the v2
// hierarchy, and children put into groups. All of it is killed and removed at the end.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "base/file.hpp"
#include "cgroup/group.hpp"
#include "cgroup/layout.hpp"

namespace contained::test {

class RealGroups : public testing::Test {
 protected:
  void SetUp() override {
    layout_ = cgroup::find_layout();
    if (!layout_) GTEST_SKIP() << "needs a cgroup v2 hierarchy: " << layout_.error().message();
    const auto base = cgroup::choose_base(*layout_, {});
    if (!base) GTEST_SKIP() << "needs a writable v2 group: " << base.error().message();
    outer_ = std::move(open_at(AT_FDCWD, base.value(), O_RDONLY | O_DIRECTORY)).value();
    auto playground =
        cgroup::Group::create(outer_.get(), fmt::format("contained-test-{}", getpid()));
    if (!playground) GTEST_SKIP() << "needs to make v2 groups: " << playground.error().message();
    playground_ = std::move(*playground);
    base_ = base.value() + "/" + playground_.name();
    // Descendants of what we kill are reaped here, not left to the machine's init.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  }

  void TearDown() override {
    if (!playground_.valid()) return;
    EXPECT_TRUE(ends(playground_, &cgroup::Group::kill));
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
  }

  int base_fd() const { return playground_.fd(); }
  const std::string& base() const { return base_; }
  const cgroup::Layout& layout() const { return layout_.value(); }

  cgroup::Group make(const std::string& name) {
    return std::move(cgroup::Group::create(base_fd(), name)).value();
  }

  /// Polls |condition| until it holds or ten seconds have passed.
  static bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      ::usleep(1000);
    }
    return true;
  }

  /// Forks a child that enters the group |dirfd| and runs |payload|; returns once it is inside.
  static pid_t run_in(int dirfd, const std::function<void()>& payload) {
    auto inside = std::move(make_pipe()).value();
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (!write_file_at(dirfd, "cgroup.procs", "0")) ::_exit(125);
      if (::write(inside.write.get(), "!", 1) != 1) ::_exit(125);
      inside.write.reset();
      payload();
      ::_exit(0);
    }
    inside.write.reset();
    char byte = 0;
    EXPECT_EQ(::read(inside.read.get(), &byte, 1), 1) << "the child did not get into the group";
    return pid;
  }

  /// Kills by |means| and removes |group| as our callers do: again until it is gone.
  static bool ends(cgroup::Group& group, Status (cgroup::Group::*means)()) {
    return eventually([&] {
      EXPECT_TRUE((group.*means)());
      reap();
      const auto gone = group.remove();
      EXPECT_TRUE(gone) << gone.error().message();
      return !gone || gone.value();
    });
  }

  static void reap() {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }

  bool exists(const std::string& below) const {
    return ::faccessat(base_fd(), below.c_str(), F_OK, 0) == 0;
  }

 private:
  Result<cgroup::Layout> layout_ = Error{};
  UniqueFd outer_;
  cgroup::Group playground_;
  std::string base_;
};

/// A payload that does nothing until it is killed.
inline void idle() {
  for (;;) ::pause();
}

}  // namespace contained::test
