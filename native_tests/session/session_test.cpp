// The life of a command as conversations: facts in, decisions out. Every race of exit, end of file,
// stop and timeout is an order of lines here.
#include "session/session.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "support/script.hpp"

namespace contained::session {
namespace {

constexpr GroupChecked kEmpty{false, 0};
constexpr GroupChecked kTwoLeft{true, 2};
const LeaderExited kExitedZero{{.exited = true, .code = 0}};
const LeaderExited kKilled{{.exited = false, .code = SIGKILL}};

Policy one_stream() {
  Policy policy;
  policy.piped_streams = 1;
  policy.stop = {{SIGTERM, 500}};
  return policy;
}

Policy lingering(protocol::Linger linger) {
  auto policy = one_stream();
  policy.linger = linger;
  return policy;
}

// Up to the point where the program runs.
Session running(const Policy& policy) {
  Session session(policy);
  session.resume(Executed{});
  return session;
}

TEST(SessionTest, ACommandThatEndsByItself) {
  Session session(one_stream());
  EXPECT_EQ(text_of(session.begin()), "");
  EXPECT_EQ(say(session, Executed{}), "announce");
  EXPECT_EQ(say(session, StreamEnded{}), "");
  EXPECT_EQ(say(session, kExitedZero), "check");
  EXPECT_EQ(say(session, kEmpty), "finish");
  EXPECT_TRUE(session.ended());
  EXPECT_EQ(session.outcome().reason, Reason::kExit);
}

TEST(SessionTest, AnExitBeforeTheEndOfTheStreamDrainsIt) {
  auto session = running(one_stream());
  EXPECT_EQ(say(session, kExitedZero), "check");
  // What is left in the pipe is sent without credit; an empty pipe is then the end.
  EXPECT_EQ(say(session, kEmpty), "drain");
  EXPECT_EQ(say(session, StreamEnded{}), "finish");
}

TEST(SessionTest, TwoStreamsBothHaveToEnd) {
  auto policy = one_stream();
  policy.piped_streams = 2;
  auto session = running(policy);
  EXPECT_EQ(say(session, StreamEnded{}), "");
  EXPECT_EQ(say(session, kExitedZero), "check");
  EXPECT_EQ(say(session, kEmpty), "drain");
  EXPECT_EQ(say(session, StreamEnded{}), "finish");
}

TEST(SessionTest, WithoutStreamsTheExitIsTheEnd) {
  auto policy = one_stream();
  policy.piped_streams = 0;
  auto session = running(policy);
  EXPECT_EQ(say(session, kExitedZero), "check");
  EXPECT_EQ(say(session, kEmpty), "finish");
}

TEST(SessionTest, ASetupFailureIsTheOutcomeOnceTheChildIsReaped) {
  Session session(one_stream());
  EXPECT_EQ(say(session, SetupFailed{{ENOENT, Stage::kExec, "/nope"}}), "");
  EXPECT_EQ(say(session, StreamEnded{}), "");
  EXPECT_EQ(say(session, LeaderExited{{.exited = true, .code = 127}}), "check");
  EXPECT_EQ(say(session, kEmpty), "finish");
  ASSERT_TRUE(session.outcome().failure);
  EXPECT_EQ(session.outcome().failure->code, ENOENT);
}

TEST(SessionTest, ASignalIsItsOwnReason) {
  auto session = running(one_stream());
  session.resume(StreamEnded{});
  session.resume(kKilled);
  session.resume(kEmpty);
  EXPECT_EQ(session.outcome().reason, Reason::kSignal);
  EXPECT_EQ(session.outcome().status.code, SIGKILL);
}

TEST(SessionTest, NothingIsSaidAfterTheEnd) {
  auto session = running(one_stream());
  session.resume(StreamEnded{});
  session.resume(kExitedZero);
  session.resume(kEmpty);
  for (const Input& late : {Input(kEmpty), Input(TimerFired{}), Input(StopAsked{}),
                            Input(StreamEnded{}), Input(kExitedZero), Input(OutputOverflowed{})}) {
    EXPECT_EQ(say(session, late), "");
  }
}

// ---- linger

TEST(SessionTest, LingerWaitWaitsForTheEndOfTheStreamAndKillsTheRest) {
  auto session = running(lingering(protocol::Linger::kWait));
  EXPECT_EQ(say(session, kExitedZero), "check");
  EXPECT_EQ(say(session, kTwoLeft), "watch");
  EXPECT_EQ(say(session, StreamEnded{}), "check");
  EXPECT_EQ(say(session, kTwoLeft), "kill, watch, timer 10");
  EXPECT_EQ(say(session, kEmpty), "finish");
  EXPECT_EQ(session.outcome().reason, Reason::kExit);
  EXPECT_EQ(session.outcome().left_behind, 2U);
}

TEST(SessionTest, LingerWaitNeverWaitsForAForeignHolderOfThePipe) {
  auto session = running(lingering(protocol::Linger::kWait));
  session.resume(kExitedZero);
  session.resume(kTwoLeft);
  // The last of ours is gone; whoever still holds the pipe is not of this group.
  EXPECT_EQ(say(session, kEmpty), "drain");
  EXPECT_EQ(say(session, StreamEnded{}), "finish");
}

TEST(SessionTest, LingerEmptyWaitsUntilNothingIsLeft) {
  auto session = running(lingering(protocol::Linger::kEmpty));
  EXPECT_EQ(say(session, kExitedZero), "check");
  EXPECT_EQ(say(session, kTwoLeft), "watch");
  EXPECT_EQ(say(session, StreamEnded{}), "check");
  EXPECT_EQ(say(session, kTwoLeft), "watch");
  EXPECT_EQ(say(session, kEmpty), "finish");
  EXPECT_EQ(session.outcome().reason, Reason::kExit);
  EXPECT_EQ(session.outcome().left_behind, 2U);
}

TEST(SessionTest, LingerKillKillsAtTheExitAndThenDrains) {
  auto session = running(lingering(protocol::Linger::kKill));
  EXPECT_EQ(say(session, kExitedZero), "check");
  EXPECT_EQ(say(session, kTwoLeft), "kill, watch, timer 10");
  EXPECT_EQ(say(session, kEmpty), "drain");
  EXPECT_EQ(say(session, StreamEnded{}), "finish");
}

TEST(SessionTest, LingerLeaveLeavesTheRestAlive) {
  auto session = running(lingering(protocol::Linger::kLeave));
  EXPECT_EQ(say(session, StreamEnded{}), "");
  EXPECT_EQ(say(session, kExitedZero), "check");
  EXPECT_EQ(say(session, kTwoLeft), "finish");
  EXPECT_EQ(session.outcome().left_behind, 2U);
  EXPECT_EQ(session.outcome().unkilled, 0U);
}

TEST(SessionTest, LeftBehindIsCountedWhenTheLeaderExits) {
  auto session = running(lingering(protocol::Linger::kWait));
  session.resume(kExitedZero);
  session.resume(kTwoLeft);
  session.resume(StreamEnded{});
  session.resume(GroupChecked{true, 1});
  session.resume(kEmpty);
  EXPECT_EQ(session.outcome().left_behind, 2U);
}

// ---- stop

TEST(SessionTest, AStopThatIsObeyed) {
  auto session = running(one_stream());
  EXPECT_EQ(say(session, StopAsked{}), "signal 15 all, watch, timer 500");
  EXPECT_EQ(say(session, StreamEnded{}), "");
  EXPECT_EQ(say(session, LeaderExited{{.exited = false, .code = SIGTERM}}), "check");
  EXPECT_EQ(say(session, kEmpty), "finish");
  EXPECT_EQ(session.outcome().reason, Reason::kStopped);
  EXPECT_EQ(session.outcome().status.code, SIGTERM);
}

TEST(SessionTest, AStopThatIsIgnoredEndsInAKill) {
  auto session = running(one_stream());
  session.resume(StopAsked{});
  EXPECT_EQ(say(session, TimerFired{}), "stuck, kill, watch, timer 10");
  EXPECT_EQ(say(session, kEmpty), "");  // the leader is a zombie yet
  EXPECT_EQ(say(session, kKilled), "drain");
  EXPECT_EQ(say(session, StreamEnded{}), "finish");
  EXPECT_EQ(session.outcome().reason, Reason::kStopped);
}

TEST(SessionTest, EveryRungHasItsTime) {
  auto policy = one_stream();
  policy.stop = {{SIGTERM, 2000}, {SIGINT, 300}};
  auto session = running(policy);
  EXPECT_EQ(say(session, StopAsked{}), "signal 15 all, watch, timer 2000");
  EXPECT_EQ(say(session, TimerFired{}), "signal 2 all, watch, timer 300");
  EXPECT_EQ(say(session, TimerFired{}), "stuck, kill, watch, timer 10");
}

TEST(SessionTest, AStopCanBringItsOwnLadder) {
  auto session = running(one_stream());
  EXPECT_EQ(say(session, StopAsked{protocol::Ladder{}}), "kill, watch, timer 10");
}

TEST(SessionTest, ALaterStopReplacesAnEarlierOne) {
  auto session = running(one_stream());
  session.resume(StopAsked{});
  EXPECT_EQ(say(session, StopAsked{protocol::Ladder{{SIGINT, 7}}}), "signal 2 all, watch, timer 7");
  EXPECT_EQ(say(session, TimerFired{}), "stuck, kill, watch, timer 10");
  EXPECT_EQ(say(session, StopAsked{}), "");  // too late to be gentle again
}

TEST(SessionTest, TheRestOfTheGroupHasTheGraceToo) {
  auto session = running(one_stream());
  session.resume(StopAsked{});
  EXPECT_EQ(say(session, kExitedZero), "check");
  EXPECT_EQ(say(session, kTwoLeft), "watch");
  EXPECT_EQ(say(session, TimerFired{}), "stuck, kill, watch, timer 10");
}

TEST(SessionTest, SignalToLeaderKillsTheRestWithIt) {
  auto policy = one_stream();
  policy.signal_to = protocol::Target::kLeader;
  auto session = running(policy);
  EXPECT_EQ(say(session, StopAsked{}), "signal 15 leader, watch, timer 500");
  EXPECT_EQ(say(session, kExitedZero), "check");
  EXPECT_EQ(say(session, kTwoLeft), "kill, watch, timer 10");
}

TEST(SessionTest, ALeaderThatHasLeftItsGroupIsStillWaitedFor) {
  auto session = running(one_stream());
  session.resume(StopAsked{});
  session.resume(TimerFired{});
  EXPECT_EQ(say(session, kEmpty), "");
  EXPECT_EQ(say(session, TimerFired{}), "kill, timer 20");
  EXPECT_EQ(say(session, kKilled), "drain");
}

TEST(SessionTest, AStopBeforeTheExecIsAStop) {
  Session session(one_stream());
  EXPECT_EQ(say(session, StopAsked{}), "signal 15 all, watch, timer 500");
  EXPECT_EQ(say(session, Executed{}), "announce");
  EXPECT_EQ(say(session, kKilled), "check");
}

TEST(SessionTest, WhatSurvivesSigkillIsReportedAndNotWaitedFor) {
  auto session = running(one_stream());
  EXPECT_EQ(say(session, StopAsked{protocol::Ladder{}}), "kill, watch, timer 10");
  session.resume(GroupChecked{true, 3});
  int rounds = 0;
  while (!session.ended() && ++rounds < 100) session.resume(TimerFired{});
  EXPECT_LT(rounds, 40);
  EXPECT_EQ(session.outcome().unkilled, 3U);
  EXPECT_EQ(session.outcome().status, (process::ExitStatus{.exited = false, .code = SIGKILL}));
}

// ---- timeout and output limit

TEST(SessionTest, TheTimeoutRunsFromTheFork) {
  auto policy = one_stream();
  policy.timeout_ms = 250;
  Session session(policy);
  EXPECT_EQ(text_of(session.begin()), "timer 250");
  EXPECT_EQ(say(session, Executed{}), "announce");
  EXPECT_EQ(say(session, TimerFired{}), "signal 15 all, watch, timer 500");
  session.resume(StreamEnded{});
  session.resume(kKilled);
  EXPECT_EQ(say(session, kEmpty), "finish");
  EXPECT_EQ(session.outcome().reason, Reason::kTimeout);
}

TEST(SessionTest, ATimeoutWhileAHolderOfStdoutIsWaitedForIsATimeout) {
  auto policy = one_stream();
  policy.timeout_ms = 250;
  auto session = running(policy);
  session.resume(kExitedZero);
  session.resume(kTwoLeft);
  EXPECT_EQ(say(session, TimerFired{}), "signal 15 all, watch, timer 500");
  EXPECT_EQ(say(session, kEmpty), "drain");
  session.resume(StreamEnded{});
  EXPECT_EQ(session.outcome().reason, Reason::kTimeout);
}

TEST(SessionTest, AStopAfterTheTimeoutDoesNotChangeTheReason) {
  auto policy = one_stream();
  policy.timeout_ms = 1;
  auto session = running(policy);
  session.resume(TimerFired{});
  session.resume(StopAsked{});
  session.resume(StreamEnded{});
  session.resume(kKilled);
  session.resume(kEmpty);
  EXPECT_EQ(session.outcome().reason, Reason::kTimeout);
}

TEST(SessionTest, TooMuchOutputStopsTheCommand) {
  auto session = running(one_stream());
  EXPECT_EQ(say(session, OutputOverflowed{}), "signal 15 all, watch, timer 500, discard");
  EXPECT_EQ(say(session, StreamEnded{}), "");
  EXPECT_EQ(say(session, kKilled), "check");
  EXPECT_EQ(say(session, kEmpty), "finish");
  EXPECT_EQ(session.outcome().reason, Reason::kOutputLimit);
}

TEST(SessionTest, TooMuchOutputDuringAStopOnlyDiscards) {
  auto session = running(one_stream());
  session.resume(StopAsked{});
  EXPECT_EQ(say(session, OutputOverflowed{}), "discard");
  session.resume(StreamEnded{});
  session.resume(kKilled);
  session.resume(kEmpty);
  EXPECT_EQ(session.outcome().reason, Reason::kStopped);
}

// ---- Out of memory

TEST(SessionTest, ASigkillInAGroupOutOfMemoryWasTheKernels) {
  auto session = running(one_stream());
  say(session, StreamEnded{});
  say(session, kKilled);
  EXPECT_EQ(say(session, MemoryExhausted{}), "");
  EXPECT_EQ(say(session, kEmpty), "finish");
  EXPECT_EQ(session.outcome().reason, Reason::kOom);
}

TEST(SessionTest, ALeaderThatSurvivesItsChildsOutOfMemoryHasExited) {
  auto session = running(one_stream());
  say(session, StreamEnded{});
  say(session, kExitedZero);
  say(session, MemoryExhausted{});
  say(session, kEmpty);
  EXPECT_EQ(session.outcome().reason, Reason::kExit);
}

TEST(SessionTest, OurOwnSigkillIsAStopAlsoWhereMemoryRanOut) {
  auto session = running(one_stream());
  say(session, StreamEnded{});
  say(session, StopAsked{protocol::Ladder{}});
  say(session, kKilled);
  say(session, MemoryExhausted{});
  say(session, kEmpty);
  EXPECT_EQ(session.outcome().reason, Reason::kStopped);
}

TEST(SessionTest, TheKernelWasFasterThanTheLadder) {
  auto session = running(one_stream());
  say(session, StreamEnded{});
  say(session, StopAsked{});
  say(session, kKilled);
  say(session, MemoryExhausted{});
  say(session, kEmpty);
  EXPECT_EQ(session.outcome().reason, Reason::kOom);
}

}  // namespace
}  // namespace contained::session
