// `contained supervise`, the real program: starts, ends and what becomes of those it has started.
// D1 to D8 are defects of dmon 0.6 that it must not have.
#include <gmock/gmock.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "cli/supervised.hpp"

namespace contained::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class SuperviseTest : public Supervised {};

TEST_F(SuperviseTest, OnceIsUntilItSucceeds) {
  const auto came = supervise(
      {"-1", "--backoff", "0:0", "--", "sh", "-c", "echo x >> runs; test $(wc -l < runs) -ge 3"});
  EXPECT_EQ(came.code(), 0) << came.err;
  EXPECT_EQ(text("runs"), "x\nx\nx\n");
}

TEST_F(SuperviseTest, TheExitCodeIsThatOfTheLastRun) {
  EXPECT_EQ(supervise({"-m", "0", "sh", "-c", "exit 7"}).code(), 7);
  EXPECT_EQ(supervise({"-m", "0", "sh", "-c", "kill -9 $$"}).code(), 128 + SIGKILL);
  EXPECT_EQ(supervise({"-m", "0", "-t", "10ms", "sleep", "1000"}).code(), 124);
  EXPECT_EQ(supervise({"-m", "0", "/etc/passwd"}).code(), 126);
  EXPECT_EQ(supervise({"no-such-program"}).code(), 127);
  EXPECT_EQ(supervise({"-1", "-i", "5", "true"}).code(), 2);
  EXPECT_EQ(supervise({"-S", "true"}).code(), 2);
  EXPECT_EQ(supervise({"-W", "/no/such", "true"}).code(), 125);
}

TEST_F(SuperviseTest, D1_NoEndIsMissed) {
  const auto came =
      supervise({"-m", "499", "--backoff", "0:0", "-I", "info", "sh", "-c", "exit 7"});
  EXPECT_EQ(came.code(), 7);
  EXPECT_EQ(count("info", "cmd exit"), 500U);
  for (int i = 0; i < 30; ++i) ASSERT_EQ(supervise({"-1", "true"}).code(), 0);
}

TEST_F(SuperviseTest, D2_StopKillsWhatIgnoresIt) {
  Program program(asked({"supervise", "-n", "-I", "info", "--stop", "TERM:100ms", "--", "sh", "-c",
                         "trap '' TERM; echo $$ > cmd; while :; do sleep 1; done"}));
  ASSERT_TRUE(waits_for("cmd", "\n"));
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait_for_exit().code(), 128 + SIGKILL);
  EXPECT_TRUE(!lives(number_in("cmd")));
}

TEST_F(SuperviseTest, D3_WhatKillsTheSupervisorKillsTheCommand) {
  ASSERT_EQ(
      detach({"--", "sh", "-c", "setsid sleep 1000 & echo $! > child; echo $$ > cmd; wait"}).code(),
      0);
  ASSERT_TRUE(waits_for("cmd", "\n"));
  ::kill(number_in("pid"), SIGKILL);
  EXPECT_TRUE(before_long([&] { return !lives(number_in("cmd")); }));
  EXPECT_TRUE(before_long([&] { return !lives(number_in("child")); }));
}

TEST_F(SuperviseTest, D4_GrandchildrenGoWithTheCommand) {
  Program program(
      asked({"supervise", "-n", "--", "sh", "-c", "setsid sleep 1000 & echo $! > child; wait"}));
  ASSERT_TRUE(waits_for("child", "\n"));
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait_for_exit().code(), 128 + SIGTERM);
  EXPECT_TRUE(!lives(number_in("child")));
}

// The lock is held as long as anything of a run lives.
TEST_F(SuperviseTest, D5_NeverTwoGenerations) {
  const auto came = supervise(
      {"-t", "100ms", "--stop", "TERM:50ms", "-m", "4", "--backoff", "0:0", "-I", "info", "--",
       "sh", "-c", "trap '' TERM; exec 9>lock; flock -n 9 || echo overlap; sleep 1000"});
  EXPECT_EQ(came.code(), 124);
  EXPECT_EQ(came.out, "");
  EXPECT_EQ(count("info", "cmd timeout"), 5U);
  EXPECT_EQ(count("info", "cmd exit"), 5U);
}

TEST_F(SuperviseTest, D6_TheTimeLimitIsOfEachRun) {
  const auto came = supervise({"-t", "3", "-m", "1", "--backoff", "0:0", "-I", "info", "--", "sh",
                               "-c", "sleep 1.8; exit 5"});
  EXPECT_EQ(came.code(), 5);
  EXPECT_THAT(text("info"), Not(HasSubstr("timeout")));
}

TEST_F(SuperviseTest, D7_TheLoggerGetsTheLastWords) {
  for (int i = 0; i < 3; ++i) {
    Program program(asked({"supervise", "-n", "--", "sh", "-c",
                           "trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.01; done",
                           "--", "sh", "-c", "trap '' TERM; cat > log"}));
    ASSERT_TRUE(waits_for("log", "hello\n"));
    program.signal(SIGTERM);
    EXPECT_EQ(program.wait_for_exit().code(), 0);
    EXPECT_EQ(text("log"), "hello\nbye\n");
    ASSERT_EQ(::unlink(dir_.path("log").c_str()), 0);
  }
}

TEST_F(SuperviseTest, D8_AUserHasHisGroupsAndNoOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to run commands as another user";
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0777), 0);
  const auto plain = supervise({"-m", "0", "-u", "nobody", "id", "-G"});
  EXPECT_EQ(plain.out, run_program({.words = {"/usr/bin/id", "-G", "nobody"}}).out);
  const auto named = supervise({"-m", "0", "-u", "nobody:tty:daemon", "-U", "nobody:tty", "sh",
                                "-c", "id -Gn", "--", "sh", "-c", "id -Gn > log; cat >> log"});
  EXPECT_EQ(named.code(), 0) << named.err;
  EXPECT_EQ(text("log"), "nogroup tty\nnogroup daemon tty\n");
  EXPECT_EQ(supervise({"-u", "no-such-user", "true"}).code(), 2);
}

TEST_F(SuperviseTest, ADaemonReturnsWhenItRunsOrSaysWhyNot) {
  const auto missing = detach({"/no/such/program"});
  EXPECT_EQ(missing.code(), 127);
  EXPECT_EQ(missing.err, "contained: exec: /no/such/program: No such file or directory\n");
  EXPECT_TRUE(before_long([&] { return ::access(dir_.path("pid").c_str(), F_OK) != 0; }));
  const auto logger = detach({"true", "--", "/no/such/logger"});
  EXPECT_EQ(logger.code(), 127);
  EXPECT_THAT(logger.err, HasSubstr("/no/such/logger"));
}

TEST_F(SuperviseTest, ADaemonHasNoTerminalAndKeepsItsDirectory) {
  ASSERT_EQ(detach({"--", "sh", "-c", "pwd > where; readlink /proc/$$/fd/0 > in; exec sleep 1000"})
                .code(),
            0);
  ASSERT_TRUE(waits_for("in", "\n"));
  EXPECT_EQ(text("in"), "/dev/null\n");
  EXPECT_EQ(text("where"), dir_.path() + "\n");
  const auto stat = read_proc_stat(number_in("pid"));
  ASSERT_TRUE(stat);
  EXPECT_NE(::getsid(number_in("pid")), number_in("pid")) << "it could get a terminal";
  end_daemon();
}

TEST_F(SuperviseTest, WithoutStandardStreams) {
  auto it = asked({"supervise", "-n", "-m", "0", "sh", "-c", "echo x > out; exit 4"});
  it.closed = {0, 1, 2};
  EXPECT_EQ(run_program(std::move(it)).code(), 4);
  EXPECT_EQ(text("out"), "x\n");
}

TEST_F(SuperviseTest, StoppedWhileItWaitsForTheNextRun) {
  Program program(asked({"supervise", "-n", "-i", "1h", "-I", "info", "true"}));
  ASSERT_TRUE(waits_for("info", "cmd exit"));
  program.signal(SIGINT);
  EXPECT_EQ(program.wait_for_exit().code(), 0);
}

TEST_F(SuperviseTest, TooManyRestartsAreGivenUp) {
  const auto came =
      supervise({"--max-restarts", "3/1h", "--backoff", "0:0", "-I", "info", "sh", "-c", "exit 9"});
  EXPECT_EQ(came.code(), 9);
  EXPECT_THAT(came.err, HasSubstr("giving up"));
  EXPECT_EQ(count("info", "cmd start"), 4U);
}

// A line that has no end is kept by tail(1).
TEST_F(SuperviseTest, WantOfMemoryIsTold) {
  const auto limited = run_program(asked({"run", "--memory", "32M", "--swap", "0", "true"}));
  if (limited.code() != 0) GTEST_SKIP() << "needs limits of memory and swap: " << limited.err;
  const auto came = supervise({"-m", "0", "--memory", "32M", "--swap", "0", "tail", "/dev/zero"});
  EXPECT_THAT(came.err, HasSubstr("contained: killed for want of memory: see --memory\n"));
}

TEST_F(SuperviseTest, LimitsOfBothCommands) {
  const auto came =
      supervise({"-m", "0", "-r", "files=77", "-r", "core=1k", "sh", "-c", "ulimit -n; ulimit -c",
                 "--", "sh", "-c", "ulimit -n > log; cat >> log"});
  EXPECT_EQ(came.code(), 0) << came.err;
  EXPECT_THAT(text("log"), testing::StartsWith("77\n77\n"));
  EXPECT_THAT(supervise({"-r", "help"}).out, HasSubstr("vmem (as)\n"));
  EXPECT_EQ(supervise({"-r", "files=many", "true"}).code(), 2);
}

}  // namespace
}  // namespace contained::test
