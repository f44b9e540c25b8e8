// The life of a supervised command as conversations: facts in, decisions out.
#include "supervise/machine.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "supervise/info.hpp"

namespace contained::supervise {
namespace {

constexpr auto kCommand = Task::kCommand;
constexpr auto kLogger = Task::kLogger;

std::string task_name(Task task) { return task == kCommand ? "cmd" : "log"; }

std::string timer_name(Timer timer) {
  constexpr std::array kNames = {"cmd", "log", "timeout", "grace"};
  return kNames.at(static_cast<std::size_t>(timer));
}

struct Words {
  std::string operator()(const Launch& it) const { return "launch " + task_name(it.task); }
  std::string operator()(const Stop& it) const {
    return "stop " + task_name(it.task) + (it.told ? " later" : "");
  }
  std::string operator()(const Arm& it) const {
    return fmt::format("arm {} {}", timer_name(it.timer), it.after);
  }
  std::string operator()(const Disarm& it) const { return "disarm " + timer_name(it.timer); }
  std::string operator()(const Pause&) const { return "pause"; }
  std::string operator()(const Resume&) const { return "resume"; }
  std::string operator()(const Send& it) const {
    return fmt::format("send {} {}", task_name(it.task), it.number);
  }
  std::string operator()(const EndInput&) const { return "end input"; }
  std::string operator()(const Tell& it) const { return "'" + line_of(it) + "'"; }
  std::string operator()(const GiveUp&) const { return "give up"; }
  std::string operator()(const Finish& it) const { return fmt::format("finish {}", it.code); }
};

std::string text_of(const Actions& actions) {
  std::string text;
  for (const auto& action : actions) {
    // That a timer is not to fire is of no interest where it is not running.
    if (std::holds_alternative<Disarm>(action)) continue;
    text += (text.empty() ? "" : ", ") + std::visit(Words{}, action);
  }
  return text;
}

class Talk {
 public:
  explicit Talk(const Policy& policy) : machine_(policy) {}

  std::string begin() { return text_of(machine_.begin(now_)); }
  std::string say(const Fact& fact) { return text_of(machine_.resume(now_, fact)); }
  void wait(Milliseconds time) { now_ += time; }

 private:
  Machine machine_;
  Milliseconds now_ = 1000;
};

Ended exited(int code, Task task = kCommand) { return {task, {.exited = true, .code = code}}; }
Ended killed(int number, Task task = kCommand) { return {task, {.exited = false, .code = number}}; }

// With a pace that is out of the way.
Policy brisk() {
  Policy policy;
  policy.backoff = {.min = 0, .max = 0, .factor = 1};
  return policy;
}

Talk running(const Policy& policy) {
  Talk talk(policy);
  talk.begin();
  if (policy.has_logger) talk.say(Started{kLogger, 20});
  talk.say(Started{kCommand, 10});
  return talk;
}

Policy logged() {
  auto policy = brisk();
  policy.has_logger = true;
  return policy;
}

TEST(MachineTest, WhatEndsIsStartedAgain) {
  Talk talk(Policy{});
  EXPECT_EQ(talk.begin(), "launch cmd");
  EXPECT_EQ(talk.say(Started{kCommand, 10}), "'cmd start 10'");
  EXPECT_EQ(talk.say(exited(3)), "'cmd exit 10 768', arm cmd 1000");
  EXPECT_EQ(talk.say(TimerFired{Timer::kStartCommand}), "launch cmd");
  EXPECT_EQ(talk.say(Started{kCommand, 11}), "'cmd start 11'");
  talk.wait(2000);
  EXPECT_EQ(talk.say(killed(SIGTERM)), "'cmd exit 11 15', launch cmd");
}

TEST(MachineTest, OnceIsUntilItSucceeds) {
  auto policy = brisk();
  policy.once = true;
  auto talk = running(policy);
  EXPECT_EQ(talk.say(exited(1)), "'cmd exit 10 256', launch cmd");
  talk.say(Started{kCommand, 11});
  EXPECT_EQ(talk.say(exited(0)), "'cmd exit 11 0', finish 0");
  EXPECT_EQ(talk.say(StopAsked{}), "");
}

TEST(MachineTest, MostRestartsEndWithTheLastStatus) {
  auto policy = brisk();
  policy.most_restarts = 1;
  auto talk = running(policy);
  EXPECT_EQ(talk.say(exited(0)), "'cmd exit 10 0', launch cmd");
  talk.say(Started{kCommand, 11});
  EXPECT_EQ(talk.say(killed(SIGSEGV)), "'cmd exit 11 11', finish 139");
}

TEST(MachineTest, AnIntervalFollowsSuccessAlone) {
  auto policy = brisk();
  policy.interval = 60'000;
  auto talk = running(policy);
  EXPECT_EQ(talk.say(exited(0)), "'cmd exit 10 0', arm cmd 60000");
  EXPECT_EQ(talk.say(TimerFired{Timer::kStartCommand}), "launch cmd");
  talk.say(Started{kCommand, 11});
  EXPECT_EQ(talk.say(exited(9)), "'cmd exit 11 2304', launch cmd");
}

TEST(MachineTest, StoppedInAnInterval) {
  auto policy = brisk();
  policy.interval = 60'000;
  auto talk = running(policy);
  talk.say(exited(0));
  EXPECT_EQ(talk.say(StopAsked{}), "finish 0");
}

TEST(MachineTest, TheNextRunStartsWhenTheOneBeforeIsOver) {
  auto policy = brisk();
  policy.timeout = 5000;
  Talk talk(policy);
  talk.begin();
  EXPECT_EQ(talk.say(Started{kCommand, 10}), "'cmd start 10', arm timeout 5000");
  EXPECT_EQ(talk.say(TimerFired{Timer::kTimeout}), "'cmd timeout 10', 'cmd stop 10', stop cmd");
  EXPECT_EQ(talk.say(TimerFired{Timer::kStartCommand}), "");
  EXPECT_EQ(talk.say(killed(SIGTERM)), "'cmd exit 10 15', launch cmd");
  EXPECT_EQ(talk.say(Started{kCommand, 11}), "'cmd start 11', arm timeout 5000");
}

TEST(MachineTest, ATimeLimitIsTheLastStatus) {
  auto policy = brisk();
  policy.timeout = 5000;
  policy.most_restarts = 0;
  auto talk = running(policy);
  talk.say(TimerFired{Timer::kTimeout});
  EXPECT_EQ(talk.say(exited(0)), "'cmd exit 10 0', finish 124");
}

TEST(MachineTest, StopWaitsForTheEnd) {
  auto talk = running(brisk());
  EXPECT_EQ(talk.say(StopAsked{}), "'cmd stop 10', stop cmd");
  EXPECT_EQ(talk.say(StopAsked{}), "");
  EXPECT_EQ(talk.say(killed(SIGKILL)), "'cmd exit 10 9', finish 137");
}

TEST(MachineTest, WhatTheTerminalHasToldItIsNotRepeatedAtOnce) {
  EXPECT_EQ(running(brisk()).say(StopAsked{.by_terminal = true}), "'cmd stop 10', stop cmd later");
}

TEST(MachineTest, StopComesBeforeItHasStarted) {
  Talk talk(brisk());
  talk.begin();
  EXPECT_EQ(talk.say(StopAsked{}), "arm timeout 1000");
  EXPECT_EQ(talk.say(Started{kCommand, 10}), "'cmd start 10', 'cmd stop 10', stop cmd");
  EXPECT_EQ(talk.say(killed(SIGTERM)), "'cmd exit 10 15', finish 143");
}

TEST(MachineTest, AnExecThatTakesForEverIsStopped) {
  Talk talk(brisk());
  talk.begin();
  talk.say(StopAsked{});
  EXPECT_EQ(talk.say(TimerFired{Timer::kTimeout}), "stop cmd");
  EXPECT_EQ(talk.say(NotStarted{kCommand, 125}), "finish 125");
}

TEST(MachineTest, WhatCannotBeStartedIsAnAnswerAtFirstOnly) {
  Talk talk(Policy{});
  talk.begin();
  EXPECT_EQ(talk.say(NotStarted{kCommand, 127}), "finish 127");
  auto later = running(Policy{});
  later.wait(2000);
  EXPECT_EQ(later.say(exited(0)), "'cmd exit 10 0', launch cmd");
  EXPECT_EQ(later.say(NotStarted{kCommand, 127}), "arm cmd 1000");
}

TEST(MachineTest, TooManyRestartsWithinAWindow) {
  auto policy = brisk();
  policy.burst = Burst{.restarts = 1, .window = 1000};
  auto talk = running(policy);
  EXPECT_EQ(talk.say(exited(1)), "'cmd exit 10 256', launch cmd");
  talk.say(Started{kCommand, 11});
  talk.wait(999);
  EXPECT_EQ(talk.say(exited(2)), "'cmd exit 11 512', give up, finish 2");
}

TEST(MachineTest, LoadPausesAndResumes) {
  auto policy = brisk();
  policy.load = LoadLimits{.high = 4, .low = 2};
  auto talk = running(policy);
  EXPECT_EQ(talk.say(LoadRead{4.0}), "");
  EXPECT_EQ(talk.say(LoadRead{4.1}), "'cmd pause 10', pause");
  EXPECT_EQ(talk.say(LoadRead{5}), "");
  EXPECT_EQ(talk.say(LoadRead{2.1}), "");
  EXPECT_EQ(talk.say(LoadRead{2.0}), "'cmd resume 10', resume");
  talk.say(LoadRead{5});
  talk.say(exited(0));
  talk.say(Started{kCommand, 11});
  EXPECT_EQ(talk.say(LoadRead{3}), "") << "a new run is not paused";
}

TEST(MachineTest, SignalsArePassedOnInTheirOrderAndNoneIsLost) {
  auto policy = brisk();
  policy.interval = 1000;
  policy.signals_to_command = true;
  auto talk = running(policy);
  EXPECT_EQ(talk.say(SignalCame{SIGHUP}), "'cmd signal 10 1', send cmd 1");
  talk.say(exited(0));
  EXPECT_EQ(talk.say(SignalCame{SIGUSR1}), "");
  EXPECT_EQ(talk.say(SignalCame{SIGHUP}), "");
  talk.say(TimerFired{Timer::kStartCommand});
  EXPECT_EQ(talk.say(Started{kCommand, 11}),
            "'cmd start 11', 'cmd signal 11 10', send cmd 10, 'cmd signal 11 1', send cmd 1");
}

TEST(MachineTest, SignalsGoToWhomTheyAreMeantFor) {
  auto policy = logged();
  EXPECT_EQ(running(policy).say(SignalCame{SIGHUP}), "");
  policy.signals_to_logger = true;
  EXPECT_EQ(running(policy).say(SignalCame{SIGHUP}), "'log signal 20 1', send log 1");
}

TEST(MachineTest, TheLoggerComesFirstAndGoesLast) {
  Talk talk(logged());
  EXPECT_EQ(talk.begin(), "launch log");
  EXPECT_EQ(talk.say(Started{kLogger, 20}), "'log start 20', launch cmd");
  talk.say(Started{kCommand, 10});
  EXPECT_EQ(talk.say(StopAsked{}), "'cmd stop 10', stop cmd");
  EXPECT_EQ(talk.say(killed(SIGTERM)), "'cmd exit 10 15', end input, arm grace 5000");
  EXPECT_EQ(talk.say(exited(0, kLogger)), "'log exit 20 0', finish 143");
}

TEST(MachineTest, ALoggerThatDoesNotEndIsStopped) {
  auto talk = running(logged());
  talk.say(StopAsked{});
  talk.say(killed(SIGTERM));
  EXPECT_EQ(talk.say(TimerFired{Timer::kLoggerGrace}), "'log stop 20', stop log");
  EXPECT_EQ(talk.say(killed(SIGKILL, kLogger)), "'log exit 20 9', finish 143");
}

TEST(MachineTest, ALoggerThatCrashesIsStartedAgain) {
  auto talk = running(logged());
  EXPECT_EQ(talk.say(killed(SIGSEGV, kLogger)), "'log exit 20 11', launch log");
  EXPECT_EQ(talk.say(Started{kLogger, 21}), "'log start 21'");
}

TEST(MachineTest, ACrashedLoggerIsStartedForTheLastWords) {
  auto policy = logged();
  policy.backoff = {.min = 1000, .max = 1000, .factor = 1};
  auto talk = running(policy);
  EXPECT_EQ(talk.say(killed(SIGSEGV, kLogger)), "'log exit 20 11', arm log 1000");
  talk.say(StopAsked{});
  EXPECT_EQ(talk.say(killed(SIGTERM)), "'cmd exit 10 15', launch log");
  EXPECT_EQ(talk.say(Started{kLogger, 21}), "'log start 21', end input, arm grace 5000");
}

TEST(MachineTest, WithoutItsLoggerNothingIsStarted) {
  Talk talk(logged());
  talk.begin();
  EXPECT_EQ(talk.say(NotStarted{kLogger, 126}), "finish 126");
}

TEST(MachineTest, WhatIsNotFoundLetsTheLoggerGo) {
  Talk talk(logged());
  talk.begin();
  talk.say(Started{kLogger, 20});
  EXPECT_EQ(talk.say(NotStarted{kCommand, 127}), "end input, arm grace 5000");
  EXPECT_EQ(talk.say(exited(0, kLogger)), "'log exit 20 0', finish 127");
}

}  // namespace
}  // namespace contained::supervise
