#include "session/session.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace contained::session {

std::string_view name(Reason reason) {
  switch (reason) {
    case Reason::kExit:
      return "exit";
    case Reason::kSignal:
      return "signal";
    case Reason::kOom:
      return "oom";
    case Reason::kTimeout:
      return "timeout";
    case Reason::kStopped:
      return "stopped";
    case Reason::kOutputLimit:
      return "output_limit";
  }
  return "exit";
}

Policy policy_of(const protocol::Start& start) {
  Policy policy;
  policy.piped_streams = (start.out == protocol::Output::kPipe ? 1 : 0) +
                         (start.err == protocol::Output::kPipe ? 1 : 0);
  for (const auto& fd : start.fds) {
    if (fd.kind == protocol::Fd::Kind::kOutput) ++policy.piped_streams;
  }
  policy.timeout_ms = start.timeout_ms;
  policy.stop = start.stop;
  policy.signal_to = start.signal_to;
  policy.linger = start.linger;
  return policy;
}

Session::Session(Policy policy)
    : policy_(std::move(policy)), shutdown_(policy_.stop), open_streams_(policy_.piped_streams) {}

Actions Session::resume(const Input& input) {
  if (phase_ == Phase::kEnded) return {};
  return std::visit([this](const auto& fact) { return on(fact); }, input);
}

// A SIGKILL that was not ours, in a group in which the kernel kills for want of memory, was its.
Outcome Session::outcome() const {
  const bool stranger = !status_.exited && status_.code == SIGKILL && !killed_;
  if (stranger && exhausted_) return {failure_, status_, Reason::kOom, left_behind_, unkilled_};
  const auto natural = status_.exited ? Reason::kExit : Reason::kSignal;
  return {failure_, status_, reason_.value_or(natural), left_behind_, unkilled_};
}

// The time runs from the fork: a program on a hung file system never gets as far as its execve(2).
Actions Session::begin() const {
  if (!policy_.timeout_ms) return {};
  return {ArmTimer{*policy_.timeout_ms}};
}

Actions Session::on(const Executed&) { return {Announce{}}; }

// The child exits by itself after it has told; its end is the session's.
Actions Session::on(const SetupFailed& fact) {
  failure_ = fact.error;
  return {};
}

Actions Session::on(const LeaderExited& fact) {
  leader_exited_ = true;
  status_ = fact.status;
  if (group_empty_) return on_empty();
  return {CheckGroup{}};
}

Actions Session::on(const StreamEnded&) {
  --open_streams_;
  if (!leader_exited_ || open_streams_ > 0) return {};
  if (group_empty_) return finish();
  return {CheckGroup{}};
}

Actions Session::on(const GroupChecked& fact) {
  if (!fact.populated) {
    group_empty_ = true;
    // An empty group with a live leader: it has moved itself out, or is not reaped yet.
    return leader_exited_ ? on_empty() : Actions{};
  }
  return on_leftovers(fact.processes);
}

Actions Session::on(const MemoryExhausted&) {
  exhausted_ = true;
  return {};
}

Actions Session::on_empty() {
  if (open_streams_ > 0) return {DrainStreams{}};
  return finish();
}

Actions Session::on_leftovers(std::uint64_t processes) {
  members_ = processes;
  if (leader_exited_ && !std::exchange(counted_, leader_exited_)) left_behind_ = processes;
  switch (phase_) {
    case Phase::kRunning:
      return leader_exited_ ? linger() : Actions{};
    case Phase::kStopping:
      // systemd's KillMode=mixed: only the leader is asked, the rest goes with it.
      if (leader_exited_ && policy_.signal_to == protocol::Target::kLeader) return begin_kill();
      return {WatchGroup{}};
    case Phase::kKilling:
      return {WatchGroup{}};
    case Phase::kEnded:
      break;
  }
  return {};
}

// The leader has exited by itself and others of its group live on.
Actions Session::linger() {
  switch (policy_.linger) {
    case protocol::Linger::kWait:
      return open_streams_ == 0 ? begin_kill() : Actions{WatchGroup{}};
    case protocol::Linger::kKill:
      return begin_kill();
    case protocol::Linger::kLeave:
      return open_streams_ == 0 ? finish() : Actions{WatchGroup{}};
    case protocol::Linger::kEmpty:
      return {WatchGroup{}};
  }
  return begin_kill();
}

Actions Session::on(const TimerFired&) {
  switch (phase_) {
    case Phase::kRunning:
      return begin_stop(Reason::kTimeout, policy_.stop);
    case Phase::kStopping:
      return next_rung();
    case Phase::kKilling:
      return kill_again(CheckGroup{});
    case Phase::kEnded:
      break;
  }
  return {};
}

Actions Session::on(const StopAsked& fact) {
  if (phase_ == Phase::kKilling) return {};
  return begin_stop(Reason::kStopped, fact.ladder.value_or(policy_.stop));
}

Actions Session::on(const OutputOverflowed&) {
  Actions actions = {DiscardStreams{}};
  if (phase_ != Phase::kRunning) return actions;
  auto stop = begin_stop(Reason::kOutputLimit, policy_.stop);
  actions.insert(actions.begin(), stop.begin(), stop.end());
  return actions;
}

Actions Session::begin_stop(Reason reason, protocol::Ladder ladder) {
  give_reason(reason);
  shutdown_ = Shutdown(std::move(ladder));
  phase_ = Phase::kStopping;
  return next_rung();
}

Actions Session::next_rung() {
  const auto rung = shutdown_.next();
  if (!rung) return end_of_ladder();
  return {SendSignal{rung->signal, policy_.signal_to}, WatchGroup{}, ArmTimer{rung->grace_ms}};
}

Actions Session::end_of_ladder() {
  auto actions = begin_kill();
  if (shutdown_.asked()) actions.insert(actions.begin(), TellStuck{});
  return actions;
}

Actions Session::begin_kill() {
  phase_ = Phase::kKilling;
  return kill_again(WatchGroup{});
}

// |look|: how to learn what the kill has done.
Actions Session::kill_again(Action look) {
  killed_ = killed_ || !leader_exited_;
  const auto pause = shutdown_.next_kill_pause();
  if (!pause) return give_up();
  if (group_empty_) return {KillGroup{}, ArmTimer{*pause}};
  return {KillGroup{}, look, ArmTimer{*pause}};
}

// Tasks in state D do not die of SIGKILL until the kernel lets go of them; nobody waits for that.
Actions Session::give_up() {
  if (!leader_exited_) status_ = {.exited = false, .code = SIGKILL};
  unkilled_ = std::max<std::uint64_t>(members_, 1);
  return finish();
}

Actions Session::finish() {
  phase_ = Phase::kEnded;
  return {Finish{}};
}

// What came first is the cause of all that follows.
void Session::give_reason(Reason reason) {
  if (!reason_) reason_ = reason;
}

}  // namespace contained::session
