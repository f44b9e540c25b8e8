#include "process/descendants.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <future>
#include <string>
#include <thread>

#include "support/child_run.hpp"

namespace contained::process {
namespace {

using Descendants = std::vector<Relative> (*)(pid_t);

class Below : public ::testing::TestWithParam<Descendants> {
 protected:
  static std::vector<Relative> below(pid_t root) { return GetParam()(root); }

  Refused refused_;
};
INSTANTIATE_TEST_SUITE_P(By, Below, ::testing::Values(descendants_of, descendants_by_walk));

bool holds(const std::vector<Relative>& relatives, pid_t pid, pid_t parent) {
  return std::any_of(relatives.begin(), relatives.end(), [&](const Relative& relative) {
    return relative.pid == pid && relative.parent == parent;
  });
}

TEST_P(Below, OfALeafIsNobody) {
  test::Running running(test::spec_for({"ignore_term"}), refused_);
  ASSERT_EQ(running.read_line(), "ready");
  EXPECT_TRUE(below(running.pid()).empty());
}

TEST_P(Below, AChildThatHasLeftTheSessionIsThere) {
  test::Running running(test::spec_for({"escape_session"}), refused_);
  const auto child = static_cast<pid_t>(std::stol(running.read_line()));
  const auto relatives = below(::getpid());
  EXPECT_TRUE(holds(relatives, running.pid(), ::getpid()));
  EXPECT_TRUE(holds(relatives, child, running.pid()));
  ::kill(child, SIGKILL);
}

// A thread's children stand with the thread, not with the process.
TEST_P(Below, TheChildOfAThreadIsThere) {
  std::atomic<pid_t> child = 0;
  std::promise<void> seen;
  std::thread other([&] {
    child = ::fork();
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
    seen.get_future().wait();
  });
  const bool found = test::eventually([&] { return holds(below(::getpid()), child, ::getpid()); });
  seen.set_value();
  other.join();
  EXPECT_TRUE(found);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(IsAlive, NeitherTheDeadNorZombiesAre) {
  Refused refused;
  test::Running running(test::spec_for({"/bin/true"}), refused);
  const pid_t pid = running.pid();
  ASSERT_TRUE(test::eventually([&] { return test::ended(pid); }));
  EXPECT_FALSE(is_alive(pid));
  test::reap(running.child());
  EXPECT_FALSE(is_alive(pid));
  EXPECT_TRUE(is_alive(::getpid()));
}

TEST(IsAlive, AProcessWithoutItsMainThreadIs) {
  Refused refused;
  auto input = make_pipe();
  auto spec = test::spec_for({"zombie_leader"});
  spec.stdio[0] = input->read.get();
  test::Running running(spec, refused);
  ASSERT_EQ(running.read_line(), "ready");
  EXPECT_TRUE(is_alive(running.pid()));
}

}  // namespace
}  // namespace contained::process
