// `contained run`: how it ends, and that nothing of its command outlives it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/proc.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/tree.hpp"
#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace {

using contained::test::dies;
using contained::test::lives;
using contained::test::pid_in;
using contained::test::Program;
using contained::test::TempDir;
using Words = std::vector<std::string>;

contained::test::Asked run_asked(Words words) {
  words.insert(words.begin(), "run");
  return ::contained::test::contained(std::move(words));
}

// A command whose leader stays, with a grandchild in a session of its own; both write their pids.
std::string family(const TempDir& directory) {
  return "setsid sh -c 'echo $$ > " + directory.path("child") + "; exec sleep 600' & echo $$ > " +
         directory.path("leader") + "; wait";
}

bool nothing_is_stale() {
  const auto layout = contained::cgroup::find_layout();
  const auto base = layout ? contained::cgroup::choose_base(*layout, {})
                           : contained::Result<std::string>(layout.error());
  return !base || contained::cgroup::stale_trees(*base).empty();
}

// Of whom both processes were killed, the groups are left to the next one, which looks for them
// when it has started its command.
void sweep() {
  Program next(run_asked({"sleep", "600"}));
  EXPECT_TRUE(contained::test::before_long(nothing_is_stale));
  next.signal(SIGTERM);
  next.wait();
}

pid_t worker_of(pid_t front) {
  pid_t worker = 0;
  contained::test::before_long([&] {
    const auto children = contained::children_of(front);
    worker = children.empty() ? 0 : children.front();
    return worker != 0;
  });
  return worker;
}

TEST(RunEnd, SignalsArePassedOn) {
  const TempDir directory;
  Program program(run_asked({"sh", "-c",
                             "trap 'echo usr1' USR1; trap 'echo term; exit 3' TERM; echo ready; "
                             "while :; do sleep 0.05; done"}));
  ASSERT_TRUE(program.wait_for_output("ready"));
  program.signal(SIGUSR1);
  ASSERT_TRUE(program.wait_for_output("usr1"));
  program.signal(SIGTERM);
  const auto came = program.wait();
  EXPECT_THAT(came.out, testing::HasSubstr("term"));
  EXPECT_EQ(came.code(), 3);
}

TEST(RunEnd, WithADelayASignalKillsInTheEnd) {
  const TempDir directory;
  Program program(run_asked(
      {"-k", "50", "sh", "-c", "trap '' TERM INT; echo ready; while :; do sleep 0.05; done"}));
  ASSERT_TRUE(program.wait_for_output("ready"));
  program.signal(SIGINT);
  EXPECT_EQ(program.wait().code(), 128 + SIGKILL);
}

TEST(RunEnd, WhatIsLeftDiesWithTheLeader) {
  const TempDir directory;
  Program program(run_asked({"sh", "-c",
                             "setsid sh -c 'echo $$ > " + directory.path("child") +
                                 "; exec sleep 600' >/dev/null 2>&1 & while ! [ -s " +
                                 directory.path("child") + " ]; do sleep 0.02; done"}));
  EXPECT_EQ(program.wait().code(), 0);
  EXPECT_FALSE(lives(pid_in(directory.path("child"))));
}

TEST(RunEnd, OrIsWaitedFor) {
  for (const char* containment : {"auto", "best_effort"}) {
    auto asked = run_asked({"--containment", containment, "--linger", "wait", "sh", "-c",
                            "exec 3<&0; (read line <&3; echo $line) & exit 3"});
    asked.input = "";
    Program program(asked);
    // What is left has the program's stdin, and ends when it has read from it.
    ASSERT_TRUE(program.write("late\n"));
    const auto came = program.wait();
    EXPECT_EQ(came.code(), 3);
    EXPECT_EQ(came.out, "late\n") << containment;
  }
}

TEST(RunEnd, TheEndOfStdinStopsIt) {
  const TempDir directory;
  auto asked = run_asked({"--kill-on-close", "sh", "-c", family(directory)});
  asked.input = "";
  Program program(asked);
  const pid_t child = pid_in(directory.path("child"));
  program.close_input();
  EXPECT_EQ(program.wait().code(), 128 + SIGTERM);
  EXPECT_FALSE(lives(child));
}

TEST(RunEnd, WhatCameBeforeTheEndIsPassedOn) {
  auto asked = run_asked({"--kill-on-close", "sh", "-c", "trap '' TERM; cat"});
  asked.input = "hello\n";
  Program program(asked);
  ASSERT_TRUE(program.wait_for_output("hello\n"));
  EXPECT_EQ(program.wait().code(), 0);
}

TEST(RunEnd, AFullPipeDoesNotHideTheEnd) {
  const TempDir directory;
  auto asked = run_asked({"--kill-on-close", "sh", "-c", family(directory)});
  asked.input = "";
  Program program(asked);
  const pid_t child = pid_in(directory.path("child"));
  // The window of 256 KiB, the command's pipe of 64 and half of ours: it reads nothing.
  program.write(std::string((256 + 64 + 32) * 1024, 'x'));
  program.close_input();
  EXPECT_EQ(program.wait().code(), 128 + SIGTERM);
  EXPECT_FALSE(lives(child));
}

// Any program that holds our stdin is what a VM is to the library: here a shell that is killed,
// and with it all of its group, to which we do not belong.
TEST(RunEnd, ItDiesWithTheProgramThatHoldsItsStdin) {
  const TempDir directory;
  const auto script = directory.file("family", family(directory), 0600);
  Program program(
      {.words = {"/bin/sh", "-c",
                 "sleep 600 | setsid " CONTAINED_CLI_PATH " run --kill-on-close sh " + script}});
  const pid_t leader = pid_in(directory.path("leader"));
  const pid_t child = pid_in(directory.path("child"));
  ::kill(-program.pid(), SIGKILL);
  EXPECT_TRUE(dies(leader));
  EXPECT_TRUE(dies(child));
}

TEST(RunEnd, NothingSurvivesTheFront) {
  const TempDir directory;
  Program program(run_asked({"sh", "-c", family(directory)}));
  const pid_t leader = pid_in(directory.path("leader"));
  const pid_t child = pid_in(directory.path("child"));
  program.signal(SIGKILL);
  EXPECT_TRUE(dies(leader));
  EXPECT_TRUE(dies(child));
}

TEST(RunEnd, NothingSurvivesTheWorker) {
  const TempDir directory;
  Program program(run_asked({"sh", "-c", family(directory)}));
  const pid_t leader = pid_in(directory.path("leader"));
  const pid_t child = pid_in(directory.path("child"));
  ::kill(worker_of(program.pid()), SIGKILL);
  EXPECT_EQ(program.wait().code(), 128 + SIGKILL);
  EXPECT_FALSE(lives(leader));
  EXPECT_FALSE(lives(child));
}

// Nobody is left who could know of the child, but in a pid namespace the kernel sees to it.
TEST(RunEnd, InAPidNamespaceNothingSurvivesBoth) {
  const TempDir directory;
  Program program(
      run_asked({"--pid-isolation", "sh", "-c", "setsid sleep 600 & echo ready; wait"}));
  if (!program.wait_for_output("ready"))
    GTEST_SKIP() << "needs pid namespaces: " << program.errors();
  const pid_t worker = worker_of(program.pid());
  const auto init = contained::children_of(worker);
  ASSERT_EQ(init.size(), 1U);
  ::kill(program.pid(), SIGSTOP);
  ::kill(worker, SIGKILL);
  program.signal(SIGKILL);
  EXPECT_TRUE(dies(init.front()));
  sweep();
}

TEST(RunEnd, WithoutIsolationTheLeaderDiesWithBoth) {
  const TempDir directory;
  Program program(run_asked({"sh", "-c", family(directory)}));
  const pid_t leader = pid_in(directory.path("leader"));
  const pid_t child = pid_in(directory.path("child"));
  const pid_t worker = worker_of(program.pid());
  ::kill(program.pid(), SIGSTOP);
  ::kill(worker, SIGKILL);
  program.signal(SIGKILL);
  EXPECT_TRUE(dies(leader));
  sweep();
  EXPECT_TRUE(dies(child));
}

// One that is killed so many microseconds after its start: the front, or the worker if it is there.
void kill_amid(const std::string& mark, int number, useconds_t delay) {
  Program program(run_asked({"-E", mark, "sh", "-c", "setsid sleep 600 & setsid sleep 600"}));
  ::usleep(delay);
  const auto children = contained::children_of(program.pid());
  const bool front = number % 2 == 0 || children.empty();
  ::kill(front ? program.pid() : children.front(), SIGKILL);
  // To the end of its output, which all of them hold.
  EXPECT_FALSE(program.wait().timed_out());
}

// At any moment of a start and of an end.
TEST(RunEnd, RacesLeaveNothing) {
  constexpr int kRuns = 100;
  constexpr int kAtOnce = 4;
  constexpr useconds_t kStep = 150;
  const TempDir directory;
  const auto mark = "CONTAINED_RACE=" + directory.path();
  std::vector<std::thread> threads;
  for (int first = 0; first < kAtOnce; ++first) {
    threads.emplace_back([&mark, first] {
      for (int i = first; i < kRuns; i += kAtOnce) {
        kill_amid(mark, i / kAtOnce, static_cast<useconds_t>(i) * kStep);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(
      contained::test::before_long([&] { return contained::test::processes_with(mark).empty(); }));
  sweep();
}

}  // namespace
