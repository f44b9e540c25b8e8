// What a session below an init of ours is and tells, and that nothing of it stays.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "process/stub.hpp"
#include "support/isolated.hpp"
#include "support/stub_run.hpp"

namespace contained::process {
namespace {

using test::spec_for;
using test::StubRun;

const ExitStatus kDone = {true, 0, false};
const ExitStatus kKilled = {false, SIGKILL, false};

class Inits : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override { CONTAINED_NEEDS_NAMESPACES(); }

  static SpawnSpec isolated(std::vector<std::string> argv) {
    auto spec = spec_for(std::move(argv));
    spec.isolation.namespaces = test::as_we_may(kNewPid | kNewMount);
    spec.isolation.own_init = true;
    return spec;
  }
  static SpawnSpec shell(const std::string& script) { return isolated({"/bin/sh", "-c", script}); }

  Refused refused_{.clone3 = GetParam(), .pidfd_open = GetParam(), .close_range = GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Old, Inits, ::testing::Bool());

// Its exit is told raw, and by an init that had nobody else to wait for.
TEST_P(Inits, AProgramRunsAndIsReported) {
  StubRun run(shell("echo $$ $PPID; exit 3"), refused_);
  EXPECT_EQ(run.failure(), "ok");
  EXPECT_EQ(run.read_rest(), "2 1\n");
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->status, (ExitStatus{true, 3, false}));
  EXPECT_EQ(exited->others, 0U);
  EXPECT_EQ(run.end(), kDone);
}

TEST_P(Inits, ASignalIsToldRaw) {
  for (const int number : {SIGTERM, SIGKILL, SIGUSR1, SIGSEGV}) {
    StubRun run(isolated({"kill_self", std::to_string(number)}), refused_);
    const auto exited = run.next<StubLeaderExited>();
    ASSERT_TRUE(exited.has_value()) << number;
    EXPECT_FALSE(exited->status.exited);
    EXPECT_EQ(exited->status.code, number);
    EXPECT_EQ(run.end(), kDone);
  }
}

// Its number is the one that we may use.
TEST_P(Inits, TheLeaderIsThatProcessHere) {
  StubRun run(isolated({"ignore_term"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  const auto leader = run.next<StubLeader>();
  ASSERT_TRUE(leader.has_value());
  const auto stat = read_proc_stat(leader->pid);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat.value().ppid, run.pid());
  const auto name = *read_file_at(AT_FDCWD, fmt::format("/proc/{}/comm", leader->pid));
  EXPECT_EQ(name, "ignore_term\n");
}

TEST_P(Inits, AnInitShowsWhatItIsAndHoldsNothingOfOurs) {
  StubRun run(isolated({"ignore_term"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  const auto comm = fmt::format("/proc/{}/comm", run.pid());
  EXPECT_EQ(*read_file_at(AT_FDCWD, comm), "contained_init\n");
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, others may not look into an init";
  const auto open = [&] {
    const std::filesystem::directory_iterator fds(fmt::format("/proc/{}/fd", run.pid()));
    return std::distance(begin(fds), end(fds));
  };
  EXPECT_TRUE(test::eventually([&] { return open() == 2; })) << open();
}

TEST_P(Inits, OnlyItsOwnProcessesAreSeen) {
  StubRun run(shell("ls /proc | grep '^[0-9]' | sort -n | head -2 | tr '\\n' ' '; "
                    "cat /proc/1/comm; test -e /proc/" +
                    std::to_string(::getpid()) + "/environ && echo seen"),
              refused_);
  EXPECT_EQ(run.read_rest(), "1 2 contained_init\n");
}

TEST_P(Inits, OthersAreLeftBehindAndReaped) {
  StubRun run(shell("sleep 60 >/dev/null & (sleep 0.1; exit 5) >/dev/null & exit 0"), refused_);
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->others, 1U);
  EXPECT_TRUE(test::eventually([&] { return process::descendants_of(run.pid()).size() == 1; }));
  EXPECT_LT(run.kill(), 9999);
}

TEST_P(Inits, AMessengerReachesAllOrTheLeader) {
  StubRun run(shell("trap 'echo leader' USR1; (trap 'echo other' USR1; echo up; "
                    "while :; do sleep 0.05; done) & echo up; while :; do sleep 0.05; done"),
              refused_);
  EXPECT_EQ(run.read_line() + run.read_line(), "upup");
  EXPECT_EQ(run.signal(SIGUSR1, true), 0);
  EXPECT_EQ(run.read_line(), "leader");
  run.kill();
}

// As for a container: what is sent to its pid 1 is meant for the program.
TEST_P(Inits, ASignalToTheInitReachesTheProgram) {
  StubRun run(shell("trap 'echo told; exit 7' TERM; echo up; while :; do sleep 0.05; done"),
              refused_);
  EXPECT_EQ(run.read_line(), "up");
  EXPECT_EQ(::kill(run.pid(), SIGTERM), 0);
  EXPECT_EQ(run.read_line(), "told");
  EXPECT_EQ(run.next<StubLeaderExited>()->status, (ExitStatus{true, 7, false}));
}

// A double fork with setsid, a fork bomb's worth of children, ignored signals.
TEST_P(Inits, NothingSurvivesAKill) {
  for (const char* program : {"daemonize", "hopper", "ignore_term"}) {
    StubRun run(isolated({program, "50"}), refused_);
    run.read_line();
    EXPECT_LT(run.kill(), 9999) << program;
  }
}

TEST_P(Inits, NothingSurvivesItsInit) {
  StubRun run(isolated({"daemonize"}), refused_);
  run.read_line();
  ASSERT_FALSE(run.survivors().empty());
  EXPECT_EQ(::kill(run.pid(), SIGKILL), 0);
  EXPECT_EQ(run.end(), kKilled);
  EXPECT_TRUE(run.survivors().empty());
}

TEST_P(Inits, NothingSurvivesAClosedSocket) {
  StubRun run(isolated({"daemonize"}), refused_);
  run.read_line();
  run.close_control();
  EXPECT_EQ(run.end(), kDone);
  EXPECT_TRUE(run.survivors().empty());
}

// But for one that may trace whatever there is.
TEST_P(Inits, APayloadCannotKillStopOrTraceIt) {
  auto spec = shell(
      "kill -KILL 1; kill -STOP 1; cat /proc/1/maps 2>/dev/null; cat /proc/1/mem "
      "2>/dev/null; echo on; sleep 0.1; echo still");
  spec.who.capabilities = Capabilities{.drop = kAllCapabilities};
  StubRun run(spec, refused_);
  EXPECT_EQ(run.read_line(), "on");
  EXPECT_EQ(run.read_line(), "still");
  EXPECT_EQ(run.end(), kDone);
}

TEST_P(Inits, WhatFailsBeforeTheProgramIsToldAsEver) {
  StubRun run(isolated({"/no/such"}), refused_);
  EXPECT_EQ(run.failure(), "exec: enoent");
  run.end();
  auto spec = isolated({"/bin/true"});
  spec.isolation.binds = {{"/no/such", "/mnt", true}};
  StubRun other(spec, refused_);
  EXPECT_EQ(other.failure(), "mount: enoent (/no/such)");
  other.end();
}

TEST_P(Inits, TheProgramHoldsNothingButItsThree) {
  StubRun run(isolated({"print_fds"}), refused_);
  EXPECT_EQ(run.read_rest(), "0\n1\n2\n");
  run.end();
}

}  // namespace
}  // namespace contained::process
