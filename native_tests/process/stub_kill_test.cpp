// Whatever a payload does to live on: below a stub it is gone within a second of the kill.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "process/stub.hpp"
#include "support/child_run.hpp"
#include "support/stub_run.hpp"

namespace contained::process {
namespace {

using test::helper;
using test::spec_for;
using test::StubRun;

// Milliseconds: for a machine that is busy with the other tests. The figure for one that is not is
// printed by test/integration/death_test.exs.
constexpr long long kBound = 10'000;

class StubKill : public ::testing::TestWithParam<bool> {
 protected:
  Refused refused_{.clone3 = GetParam(), .pidfd_open = GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Old, StubKill, ::testing::Bool());

TEST_P(StubKill, ADaemonOfADeadLeader) {
  StubRun run(spec_for({"daemonize", "ignore_term"}), refused_);
  ASSERT_NE(run.read_line(), "");
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->others, 1U);
  EXPECT_LT(run.kill(), kBound);
}

TEST_P(StubKill, AChainThatForksAndExits) {
  for (int i = 0; i < 100; ++i) {
    StubRun run(spec_for({"hopper", "20000"}), refused_);
    ASSERT_EQ(run.read_line(), "ready");
    ASSERT_LT(run.kill(), kBound) << i;
  }
}

TEST_P(StubKill, EightChainsThatNeverRest) {
  const std::string chains = "for i in 1 2 3 4 5 6 7 8; do \"$0\" 20000 0 & done; wait";
  for (int i = 0; i < 10; ++i) {
    StubRun run(spec_for({"/bin/sh", "-c", chains, helper("hopper")}), refused_);
    for (int chain = 0; chain < 8; ++chain) ASSERT_EQ(run.read_line(), "ready");
    ASSERT_LT(run.kill(), kBound) << i;
  }
}

TEST_P(StubKill, ABombOfFourHundred) {
  for (int i = 0; i < 5; ++i) {
    StubRun run(spec_for({"fork_bomb", "400", "ignore_term"}), refused_);
    ASSERT_EQ(run.read_line(), "ready");
    ASSERT_LT(run.kill(), kBound) << i;
  }
}

TEST_P(StubKill, ABombThatIsStillGrowing) {
  for (int i = 0; i < 20; ++i) {
    StubRun run(spec_for({"fork_bomb", "400", "ignore_term"}), refused_);
    ASSERT_TRUE(test::eventually([&] { return run.count() > 50; }));
    ASSERT_LT(run.kill(), kBound) << i;
  }
}

// Its limit of processes stops an unprivileged bomb, not the host.
TEST_P(StubKill, ABombAtItsLimit) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become a user with a limit";
  const auto user = static_cast<uid_t>(100'000'000 + ::getpid());  // nobody else is counted
  auto spec = spec_for({"fork_bomb", "10000"});
  spec.who = {.uid = user, .gid = user, .limits = {{RLIMIT_NPROC, {60, 60}}}};
  StubRun run(spec, refused_);
  if (run.failure() != "ok") GTEST_SKIP() << "needs a build directory that others may enter";
  ASSERT_TRUE(test::eventually([&] { return run.count() == 60; }));
  EXPECT_LT(run.kill(), kBound);
}

TEST_P(StubKill, WhoeverIgnoresAllSignals) {
  StubRun run(spec_for({"ignore_term"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  for (int number = 1; number <= SIGRTMAX; ++number) {
    const bool beyond_ignoring = number == SIGKILL || number == SIGSTOP || number == SIGCHLD ||
                                 (number > SIGSYS && number < SIGRTMIN);
    if (!beyond_ignoring) run.signal(number);
  }
  EXPECT_EQ(run.count(), 1U);
  EXPECT_LT(run.kill(), kBound);
}

TEST_P(StubKill, AStoppedLeader) {
  StubRun run(spec_for({"stop_self"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  EXPECT_LT(run.kill(), kBound);
}

TEST_P(StubKill, AStoppedLeaderCanBeContinued) {
  StubRun run(spec_for({"stop_self"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  const pid_t leader = run.leader();
  ASSERT_TRUE(test::eventually([&] { return read_proc_stat(leader)->state == 'T'; }));
  EXPECT_EQ(run.signal(SIGCONT), 0);
  EXPECT_EQ(run.read_line(), "continued");
  EXPECT_EQ(run.end(), (ExitStatus{true, 0, false}));
}

TEST_P(StubKill, AStoppedGrandchildOfADeadLeader) {
  StubRun run(spec_for({"stopped_grandchild"}), refused_);
  ASSERT_NE(run.read_line(), "");
  EXPECT_EQ(run.signal(SIGKILL, true), 0);
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->others, 1U);
  EXPECT_LT(run.kill(), kBound);
}

TEST_P(StubKill, ATracedChild) {
  StubRun run(spec_for({"tracer"}), refused_);
  ASSERT_NE(run.read_line(), "");
  EXPECT_LT(run.kill(), kBound);
}

// By us, from outside; the tracer is the one who is told of its death first.
TEST_P(StubKill, ALeaderTracedByAStranger) {
  StubRun run(spec_for({"ignore_term"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  const pid_t leader = run.leader();
  if (::ptrace(PTRACE_SEIZE, leader, nullptr, PTRACE_O_EXITKILL) < 0) {
    GTEST_SKIP() << "needs ptrace(2)";
  }
  ASSERT_TRUE(stub_kill(run.control()));
  int status = 0;
  do {
    ASSERT_EQ(::waitpid(leader, &status, __WALL), leader);
    if (WIFSTOPPED(status)) ::ptrace(PTRACE_CONT, leader, nullptr, nullptr);
  } while (WIFSTOPPED(status));
  EXPECT_EQ(run.end(), (ExitStatus{true, 0, false}));
}

TEST_P(StubKill, AParentInVfork) {
  StubRun run(spec_for({"vfork_stopped"}), refused_);
  const auto child = static_cast<pid_t>(std::stol(run.read_line()));
  ASSERT_TRUE(test::eventually([&] { return read_proc_stat(child)->state == 'T'; }));
  EXPECT_LT(run.kill(), kBound);
}

TEST_P(StubKill, AProcessWithoutItsMainThread) {
  auto input = make_pipe();
  auto spec = spec_for({"zombie_leader"});
  spec.stdio[0] = input->read.get();
  StubRun run(spec, refused_);
  ASSERT_EQ(run.read_line(), "ready");
  EXPECT_LT(run.kill(), kBound);
}

// It waits for room in a pipe that takes the place of a group's file.
TEST_P(StubKill, AChildThatHasNotExecutedYet) {
  auto full = make_pipe();
  ASSERT_TRUE(set_nonblocking(full->write.get()));
  while (::write(full->write.get(), "xxxxxxxx", 8) > 0) {
  }
  ASSERT_EQ(::fcntl(full->write.get(), F_SETFL, 0), 0);
  const int before = test::open_descriptors();
  {
    auto spec = spec_for({"/bin/true"});
    spec.attach_fds = {full->write.get()};
    StubRun run(spec, refused_);
    ASSERT_GT(run.leader(), 0);
    EXPECT_LT(run.kill(), kBound);
    const auto exited = run.next<StubLeaderExited>();
    ASSERT_TRUE(exited.has_value());
    EXPECT_EQ(exited->status, (ExitStatus{false, SIGKILL, false}));
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST_P(StubKill, WhoeverHasLeftTheSession) {
  for (int i = 0; i < 20; ++i) {
    StubRun run(spec_for({"escape_session", "exit"}), refused_);
    ASSERT_NE(run.read_line(), "");
    ASSERT_LT(run.kill(), kBound) << i;
  }
}

}  // namespace
}  // namespace contained::process
