#include "process/child.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <csignal>
#include <string>

#include "base/proc.hpp"
#include "support/child_run.hpp"

namespace contained::process {
namespace {

using test::Running;
using test::spec_for;

int code_of(const Status& status) { return status ? 0 : status.error().code; }

const auto kMember = [](pid_t) { return true; };
const auto kStranger = [](pid_t) { return false; };

class WithAndWithoutPidfd : public ::testing::TestWithParam<bool> {
 protected:
  Refused refused_{.clone3 = !GetParam(), .pidfd_open = !GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Child, WithAndWithoutPidfd, ::testing::Bool());

TEST_P(WithAndWithoutPidfd, ASignalArrives) {
  Running running(spec_for({"slow_term", "0"}), refused_);
  ASSERT_EQ(running.read_line(), "ready");
  EXPECT_EQ(code_of(running.child().signal(SIGTERM)), 0);
  EXPECT_EQ(test::reap(running.child()), (ExitStatus{true, 0, false}));
}

TEST_P(WithAndWithoutPidfd, OnceReapedItIsGone) {
  Running running(spec_for({"/bin/true"}), refused_);
  test::reap(running.child());
  EXPECT_TRUE(running.child().reaped());
  EXPECT_EQ(code_of(running.child().signal(SIGTERM)), ESRCH);
}

TEST_P(WithAndWithoutPidfd, AZombieTakesSignalsUntilItIsReaped) {
  Running running(spec_for({"/bin/true"}), refused_);
  siginfo_t info = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(running.pid()), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(code_of(running.child().signal(SIGKILL)), 0);
}

TEST_P(WithAndWithoutPidfd, ABadSignalNumberIsRefused) {
  Running running(spec_for({"never_read_stdin"}), refused_);
  EXPECT_EQ(code_of(running.child().signal(999)), EINVAL);
}

TEST(Child, NoneIsNobody) {
  const Child none;
  EXPECT_EQ(none.pid(), 0);
  EXPECT_EQ(code_of(none.signal(SIGKILL)), ESRCH);
}

TEST(OpenPidfd, TellsOfTheEnd) {
  Refused refused;
  Running running(spec_for({"never_read_stdin"}), refused);
  const auto pidfd = open_pidfd(running.pid());
  if (!pidfd) GTEST_SKIP() << "needs pidfd_open(2): " << pidfd.error().message();
  pollfd wanted = {pidfd.value().get(), POLLIN, 0};
  EXPECT_EQ(::poll(&wanted, 1, 0), 0);
  ASSERT_EQ(code_of(running.child().signal(SIGKILL)), 0);
  EXPECT_EQ(::poll(&wanted, 1, test::kDeadlineMs), 1);
}

TEST(SignalForeign, ReachesAMember) {
  Refused refused;
  Running running(spec_for({"never_read_stdin"}), refused);
  EXPECT_EQ(code_of(signal_foreign(running.pid(), SIGINT, kMember)), 0);
  EXPECT_EQ(test::reap(running.child()), (ExitStatus{false, SIGINT, false}));
}

TEST(SignalForeign, SparesWhoeverIsNoMember) {
  Refused refused;
  Running running(spec_for({"slow_term", "0"}), refused);
  ASSERT_EQ(running.read_line(), "ready");
  EXPECT_EQ(code_of(signal_foreign(running.pid(), SIGKILL, kStranger)), ESRCH);
  EXPECT_EQ(code_of(running.child().signal(SIGTERM)), 0);
  EXPECT_EQ(test::reap(running.child()), (ExitStatus{true, 0, false}));
}

TEST(SignalForeign, NeverTakesANumberForAGroup) {
  for (const pid_t pid : {0, -1, -::getpid()}) {
    EXPECT_EQ(code_of(signal_foreign(pid, SIGKILL, kMember)), ESRCH) << pid;
  }
}

TEST(SignalForeign, TheDeadAreGone) {
  Refused refused;
  Running running(spec_for({"/bin/true"}), refused);
  const pid_t pid = running.pid();
  test::reap(running.child());
  EXPECT_EQ(code_of(signal_foreign(pid, SIGKILL, kMember)), ESRCH);
}

// /proc says Z of it from the moment its main thread ends, and it lives on.
TEST(Child, AZombieLeaderIsAliveUntilItsLastThreadEnds) {
  Refused refused;
  auto input = make_pipe();
  auto spec = spec_for({"zombie_leader", "7"});
  spec.stdio[0] = input->read.get();
  Running running(spec, refused);
  ASSERT_EQ(running.read_line(), "ready");
  const auto stat = read_proc_stat(running.pid());
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat.value().state, 'Z');
  EXPECT_EQ(code_of(running.child().signal(0)), 0);
  EXPECT_EQ(reap_one().pid, 0);
  input->write.reset();
  EXPECT_EQ(test::reap(running.child()), (ExitStatus{true, 7, false}));
}

}  // namespace
}  // namespace contained::process
