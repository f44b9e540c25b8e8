#include "supervise/machine.hpp"

#include <utility>

#include "engine/exit_codes.hpp"

namespace contained::supervise {
namespace {

Timer start_of(Task task) {
  return task == Task::kCommand ? Timer::kStartCommand : Timer::kStartLogger;
}

Task started_by(Timer timer) {
  return timer == Timer::kStartCommand ? Task::kCommand : Task::kLogger;
}

// As waitpid(2) says it, see WIFEXITED in wait(2).
int raw_status(const process::ExitStatus& status) {
  constexpr int kCoreDumped = 0x80;
  if (status.exited) return status.code << 8;
  return status.code | (status.core_dumped ? kCoreDumped : 0);
}

constexpr Milliseconds kPatienceWithExec = 1000;

int exit_code(const process::ExitStatus& status) {
  return status.exited ? status.code : 128 + status.code;
}

}  // namespace

Machine::Machine(const Policy& policy)
    : policy_(policy), fuse_(policy.burst), states_{State(policy.backoff), State(policy.backoff)} {}

Actions Machine::begin(Milliseconds now) {
  now_ = now;
  launch(policy_.has_logger ? Task::kLogger : Task::kCommand);
  return std::exchange(actions_, {});
}

Actions Machine::resume(Milliseconds now, const Fact& fact) {
  now_ = now;
  if (!finished_) std::visit([this](const auto& what) { on(what); }, fact);
  return std::exchange(actions_, {});
}

void Machine::tell(Task task, Event event, int number) {
  act(Tell{task, event, state(task).pid, number});
}

void Machine::launch(Task task) {
  auto& it = state(task);
  it.phase = Phase::kStarting;
  it.pace.started(now_);
  act(Launch{task});
}

void Machine::stop(Task task, bool told) {
  auto& it = state(task);
  if (it.phase == Phase::kStopping) return;
  if (it.phase == Phase::kRunning) tell(task, Event::kStop);
  it.phase = Phase::kStopping;
  act(Stop{task, told});
}

// ---- Facts

void Machine::on(const Started& fact) {
  auto& it = state(fact.task);
  it.pid = fact.pid;
  it.ran = true;
  tell(fact.task, Event::kStart);
  // It may have been stopped before it could be heard of.
  if (it.phase == Phase::kStarting) it.phase = Phase::kRunning;
  for (const int number : std::exchange(it.signals, {})) pass_on(fact.task, number);
  fact.task == Task::kCommand ? command_started() : logger_started();
}

void Machine::on(const NotStarted& fact) {
  state(fact.task).phase = Phase::kIdle;
  if (fact.task == Task::kCommand) return command_not_started(fact.code);
  if (!state(fact.task).ran) code_ = fact.code;
  logger_over();
}

void Machine::on(const Ended& fact) {
  auto& it = state(fact.task);
  it.phase = Phase::kIdle;
  tell(fact.task, Event::kExit, raw_status(fact.status));
  if (fact.task == Task::kCommand) return command_over(fact.status);
  logger_over();
}

void Machine::on(const TimerFired& fact) {
  if (fact.timer == Timer::kTimeout) {
    const auto phase = state(Task::kCommand).phase;
    if (stopping_ && phase == Phase::kStarting) return stop(Task::kCommand);
    if (phase != Phase::kRunning) return;
    timed_out_ = true;
    tell(Task::kCommand, Event::kTimeout);
    return stop(Task::kCommand);
  }
  if (fact.timer == Timer::kLoggerGrace) {
    if (state(Task::kLogger).phase == Phase::kRunning) stop(Task::kLogger);
    return;
  }
  const auto task = started_by(fact.timer);
  if (state(task).phase == Phase::kIdle) launch(task);
}

void Machine::on(const LoadRead& fact) {
  if (!policy_.load || state(Task::kCommand).phase != Phase::kRunning) return;
  const auto& limits = *policy_.load;
  if (paused_ ? fact.load > limits.low : fact.load <= limits.high) return;
  paused_ = !paused_;
  tell(Task::kCommand, paused_ ? Event::kPause : Event::kResume);
  paused_ ? act(Pause{}) : act(Resume{});
}

void Machine::on(const SignalCame& fact) {
  if (policy_.signals_to_command && !winding_down_) pass_on(Task::kCommand, fact.number);
  if (policy_.signals_to_logger && policy_.has_logger) pass_on(Task::kLogger, fact.number);
}

// In their order, and none is lost between two generations.
void Machine::pass_on(Task task, int number) {
  auto& it = state(task);
  if (it.phase != Phase::kRunning && it.phase != Phase::kStopping) {
    it.signals.push_back(number);
    return;
  }
  tell(task, Event::kSignal, number);
  act(Send{task, number});
}

void Machine::on(const StopAsked& fact) {
  if (std::exchange(stopping_, true) || winding_down_) return;
  act(Disarm{Timer::kTimeout});
  // A signal before the exec may reach nobody; but an exec can take for ever.
  if (state(Task::kCommand).phase == Phase::kStarting)
    return act(Arm{Timer::kTimeout, kPatienceWithExec});
  if (state(Task::kCommand).phase != Phase::kIdle) return stop(Task::kCommand, fact.by_terminal);
  act(Disarm{Timer::kStartCommand});
  wind_down();
}

// ---- The command

void Machine::command_started() {
  if (stopping_) return stop(Task::kCommand);
  if (policy_.timeout) act(Arm{Timer::kTimeout, *policy_.timeout});
}

void Machine::command_over(const process::ExitStatus& status) {
  act(Disarm{Timer::kTimeout});
  paused_ = false;
  const bool timed_out = std::exchange(timed_out_, false);
  code_ = timed_out ? engine::kExitTimedOut : exit_code(status);
  const bool succeeded = code_ == 0;
  const auto wait = state(Task::kCommand).pace.ended(now_, !succeeded);
  if (is_last(succeeded)) return wind_down();
  restart_command(succeeded && policy_.interval ? *policy_.interval : wait);
}

// The first time it is an answer, later it may pass: a program that is just being replaced.
void Machine::command_not_started(int code) {
  code_ = code;
  const auto wait = state(Task::kCommand).pace.ended(now_, true);
  if (!state(Task::kCommand).ran || is_last(false)) return wind_down();
  restart_command(wait);
}

bool Machine::is_last(bool succeeded) {
  if (stopping_ || (policy_.once && succeeded) || restarts_ == policy_.most_restarts) return true;
  // One that is to come later was not caused by this end.
  const bool planned = succeeded && policy_.interval;
  if (planned || fuse_.holds(now_)) return false;
  act(GiveUp{});
  return true;
}

void Machine::restart_command(Milliseconds wait) {
  ++restarts_;
  if (wait == 0) return launch(Task::kCommand);
  act(Arm{Timer::kStartCommand, wait});
}

// ---- The logger

void Machine::logger_started() {
  if (winding_down_) return end_input();
  const auto& command = state(Task::kCommand);
  if (!command.ran && command.phase == Phase::kIdle) launch(Task::kCommand);
}

// Whatever it ended with, what is written goes on to be read.
void Machine::logger_over() {
  auto& logger = state(Task::kLogger);
  const auto wait = logger.pace.ended(now_, true);
  if (winding_down_ || !logger.ran) return finish();
  if (wait == 0) return launch(Task::kLogger);
  act(Arm{start_of(Task::kLogger), wait});
}

// ---- The end

// A logger that is not running is started once more, for the last words.
void Machine::wind_down() {
  winding_down_ = true;
  auto& logger = state(Task::kLogger);
  if (!policy_.has_logger) return finish();
  if (logger.phase == Phase::kRunning) return end_input();
  if (logger.phase != Phase::kIdle) return;
  act(Disarm{start_of(Task::kLogger)});
  launch(Task::kLogger);
}

void Machine::end_input() {
  act(EndInput{});
  act(Arm{Timer::kLoggerGrace, policy_.logger_grace});
}

void Machine::finish() {
  finished_ = true;
  act(Finish{code_});
}

}  // namespace contained::supervise
