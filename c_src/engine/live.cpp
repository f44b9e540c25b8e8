#include "engine/live.hpp"

#include <signal.h>

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_set>
#include <utility>

#include "engine/spec.hpp"

namespace contained::engine {
namespace {

constexpr process::ExitStatus kKilled = {.exited = false, .code = SIGKILL};
constexpr auto kUnlimited = std::numeric_limits<std::uint64_t>::max();

std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(time.tv_usec);
}

}  // namespace

Live::Live(Shared& shared, const protocol::Start& request)
    : shared_(shared),
      id_(request.id),
      session_(session::policy_of(request)),
      parent_(request.group),
      out_{nullptr, session::Window(request.window)},
      err_{nullptr, session::Window(request.window)},
      max_output_(request.max_output),
      hold_started_(request.hold_started),
      program_(request.program),
      cd_(request.cd.value_or(shared.vm_directory)),
      started_at_(std::chrono::steady_clock::now()) {}

Live::~Live() {
  for_each_pump(&Pump::detach);
  if (feeder_) feeder_->detach();
}

Result<std::shared_ptr<Live>> Live::start(Shared& shared, const protocol::Start& request) {
  auto live = std::make_shared<Live>(shared, request);
  const auto launched = live->launch(request);
  if (!launched) return launched.error();
  return live;
}

Status Live::launch(const protocol::Start& request) {
  auto pipes = make_pipes(request, shared_.null_fd);
  if (!pipes) return pipes.error();
  auto group = shared_.spares.take(parent_);
  if (!group) return group.error();
  auto spawned = spawn(request, *pipes, *group);
  if (!spawned && spawned.error().stage == Stage::kCgroup) {
    // Somebody has altered or removed it since it was made: once more, in a new one.
    (void)group->remove();
    group = shared_.spares.make(parent_);
    if (!group) return group.error();
    spawned = spawn(request, *pipes, *group);
  }
  if (!spawned) {
    (void)group->remove();
    return spawned.error();
  }
  group_ = std::move(*group);
  adopt(std::move(*spawned), std::move(*pipes));
  return Done{};
}

Result<process::Spawned> Live::spawn(const protocol::Start& request, const Pipes& pipes,
                                     const cgroup::Group& group) {
  auto spec = spec_of(request, shared_.environment, shared_.vm_directory);
  spec.stdio = pipes.child;
  spec.cgroup_fd = group.fd();
  spec.open_files = shared_.open_files;
  return process::spawn(spec, shared_.refused);
}

// From here on the child is ours to reap.
void Live::adopt(process::Spawned spawned, Pipes pipes) {
  leader_ = std::move(spawned.child);
  shared_.reaper.watch(leader_.pid(), [self = shared_from_this()](const process::Reaped& reaped) {
    self->on_exit(reaped);
  });
  const auto pump = [this](UniqueFd fd, protocol::Stream stream) {
    return fd ? std::make_shared<Pump>(shared_.io, std::move(fd), id_, stream, shared_.outbox,
                                       static_cast<PumpOwner&>(*this))
              : nullptr;
  };
  out_.pump = pump(std::move(pipes.out), protocol::Stream::kStdout);
  err_.pump = pump(std::move(pipes.err), protocol::Stream::kStderr);
  if (pipes.feed)
    feeder_ =
        std::make_shared<Feeder>(shared_.io, std::move(pipes.in), static_cast<FeederOwner&>(*this));
  else
    silent_stdin_ = std::move(pipes.in);
  exec_status_.emplace(shared_.io, spawned.status.release());
  watch_exec();
  pending_ = session_.begin();
  act();
}

void Live::watch_exec() {
  exec_status_->async_wait(Descriptor::wait_read, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (!error && self) self->settle_exec();
  });
}

// Asked before anything else is believed of the child: what it was told first comes first.
void Live::settle_exec() {
  if (!exec_status_) return;
  const auto status = process::read_exec_status(exec_status_->native_handle());
  if (status.state == process::ExecState::kPending) return watch_exec();
  exec_status_.reset();
  if (status.state == process::ExecState::kDone) return feed(session::Executed{});
  auto error = status.error;
  altered_ = error.stage == Stage::kCgroup;
  error.subject = error.stage == Stage::kChdir ? cd_ : program_;
  feed(session::SetupFailed{std::move(error)});
}

void Live::on_exit(const process::Reaped& reaped) {
  leader_.mark_reaped();
  usage_ = reaped.usage;
  // Not by us: perhaps through cgroup.kill, by somebody who killed the spare groups with it.
  const bool by_a_stranger = reaped.status == kKilled && !altered_;
  if (by_a_stranger) shared_.spares.clear();
  altered_ = altered_ || by_a_stranger;
  settle_exec();
  feed(session::LeaderExited{reaped.status});
}

// ---- Requests

void Live::input(const protocol::Input& request) {
  if (!feeder_) return refuse("input", "not_piped");
  if (!feeder_->feed(request.data)) refuse("input", "window_exceeded");
}

void Live::close_input() {
  if (!feeder_) return refuse("close_input", "not_piped");
  feeder_->close();
}

void Live::credit(const protocol::Credit& request) {
  auto& granted = lane(request.stream);
  if (!granted.pump) return refuse("credit", "not_piped");
  if (!granted.window.grant(request.bytes)) return refuse("credit", "bad_credit");
  if (announced_) granted.pump->resume();
}

void Live::signal(const protocol::Signal& request) {
  const auto sent = send_signal(request.number, request.to);
  shared_.outbox.send(protocol::Signaled{id_, sent ? "" : errno_name(sent.error().code)});
}

void Live::stop(std::optional<protocol::Ladder> ladder) {
  feed(session::StopAsked{std::move(ladder)});
}

void Live::abandon_output() {
  abandoned_ = true;
  for_each_pump(&Pump::resume);
}

void Live::refuse(std::string_view request, std::string_view reason) {
  shared_.outbox.send(protocol::Refused{id_, std::string(request), reason});
}

// ---- What the session decides

void Live::feed(const session::Input& fact) {
  auto actions = session_.resume(fact);
  pending_.insert(pending_.end(), actions.begin(), actions.end());
  act();
}

// In order, also when an action brings the next fact with it.
void Live::act() {
  if (std::exchange(acting_, true)) return;
  const auto self = shared_from_this();
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const auto action = pending_[i];
    std::visit([this](const auto& what) { perform(what); }, action);
    if (std::holds_alternative<session::Finish>(action)) break;
  }
  pending_.clear();
  acting_ = false;
}

void Live::perform(const session::Announce&) {
  announced_ = true;
  program_ = cd_ = {};
  const protocol::Started started{id_, leader_.pid()};
  hold_started_ ? shared_.outbox.send_later(started) : shared_.outbox.send(started);
  for_each_pump(&Pump::resume);
}

void Live::perform(const session::ArmTimer& action) {
  if (!timer_) timer_.emplace(shared_.io);
  timer_->expires_after(std::chrono::milliseconds(action.milliseconds));
  const auto generation = ++timer_generation_;
  timer_->async_wait([weak = weak_from_this(), generation](const auto& error) {
    const auto self = weak.lock();
    // A handler that was already queued cannot be cancelled: its generation is past.
    if (error || !self || generation != self->timer_generation_) return;
    self->feed(session::TimerFired{});
  });
}

void Live::perform(const session::SendSignal& action) {
  (void)send_signal(action.number, action.to);
  (void)send_signal(SIGCONT, action.to);
}

void Live::perform(const session::KillGroup&) {
  (void)group_.kill();
  altered_ = true;
  (void)leader_.signal(SIGKILL);
  shared_.reaper.kill_strays(shared_.tree);
}

// Giving the group back is the check: it is taken when it is empty. What it has counted is read
// before. One that could not be entered is not kept for others.
void Live::perform(const session::CheckGroup&) {
  if (!group_.valid()) return feed(session::GroupChecked{});
  if (auto cpu = group_.cpu_time()) cpu_ = *cpu;
  const auto taken = altered_ ? group_.remove() : shared_.spares.give_back(parent_, group_);
  if (taken && !*taken) return feed(session::GroupChecked{true, group_.processes().size()});
  if (taken) group_ = {};
  group_events_.reset();
  feed(session::GroupChecked{});
}

void Live::perform(const session::WatchGroup&) {
  if (group_events_ || !group_.valid()) return;
  auto events = group_.open_events();
  if (!events) return feed(session::GroupChecked{});
  group_events_.emplace(shared_.io, events->release());
  look_at_group();
}

void Live::perform(const session::DrainStreams&) {
  draining_ = true;
  for_each_pump(&Pump::drain);
}

void Live::perform(const session::DiscardStreams&) { for_each_pump(&Pump::discard); }

void Live::perform(const session::Finish&) {
  const auto outcome = session_.outcome();
  // Only now, with the leader reaped, are those that have left its group our children.
  if (outcome.reason != session::Reason::kExit) shared_.reaper.kill_strays(shared_.tree);
  if (outcome.failure) {
    const auto& failure = *outcome.failure;
    shared_.outbox.send(
        protocol::Failed{id_, name(failure.stage), errno_name(failure.code), failure.subject});
  } else {
    send_ended(outcome);
  }
  ++timer_generation_;
  timer_.reset();
  group_events_.reset();
  shared_.on_over(id_, Leftover{std::move(group_), outcome.unkilled > 0});
}

void Live::send_ended(const session::Outcome& outcome) {
  const auto wall = std::chrono::steady_clock::now() - started_at_;
  protocol::Ended ended;
  ended.id = id_;
  ended.exited = outcome.status.exited;
  ended.code = outcome.status.code;
  ended.core_dumped = outcome.status.core_dumped;
  ended.reason = session::name(outcome.reason);
  ended.left_behind = outcome.left_behind;
  ended.unkilled = outcome.unkilled;
  ended.wall_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(wall).count());
  ended.user_us = cpu_ ? cpu_->user_us : microseconds(usage_.ru_utime);
  ended.system_us = cpu_ ? cpu_->system_us : microseconds(usage_.ru_stime);
  ended.max_rss_kb = static_cast<std::uint64_t>(usage_.ru_maxrss);
  ended.stdout_bytes = out_.sent;
  ended.stderr_bytes = err_.sent;
  shared_.outbox.send(ended);
}

// ---- The group

void Live::wait_for_group() {
  // cgroup.events raises POLLPRI when it changes (cgroup-v2.rst, "[Un]populated Notification").
  group_events_->async_wait(Descriptor::wait_error, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (!error && self && self->group_events_) self->look_at_group();
  });
}

void Live::look_at_group() {
  // Reading the watched descriptor is also what re-arms its POLLPRI.
  const auto populated = cgroup::read_populated(group_events_->native_handle());
  if (populated && *populated) return wait_for_group();
  perform(session::CheckGroup{});
  if (group_events_) look_again_soon();
}

// Empty and yet not removed: it had more sub-groups than one call removes, or somebody has just
// been moved into it.
void Live::look_again_soon() {
  if (!recheck_) recheck_.emplace(shared_.io);
  recheck_->expires_after(std::chrono::milliseconds(1));
  recheck_->async_wait([weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (!error && self && self->group_events_) self->look_at_group();
  });
}

Status Live::send_signal(int number, protocol::Target to) {
  auto sent = leader_.signal(number);
  if (to == protocol::Target::kLeader || !group_.valid()) return sent;
  // A process can fork while we go through the list: again until nobody is new. What outruns even
  // that meets cgroup.kill in the end.
  constexpr int kMostRounds = 8;
  std::unordered_set<pid_t> told = {leader_.pid()};
  for (int round = 0, fresh = 1; fresh > 0 && round < kMostRounds; ++round) {
    fresh = 0;
    for (const pid_t pid : group_.processes()) {
      if (!told.insert(pid).second) continue;
      ++fresh;
      const auto reached = process::signal_foreign(
          pid, number, [this](pid_t candidate) { return group_.contains(candidate); });
      if (reached) sent = reached;
    }
  }
  return sent;
}

// ---- The streams

Live::Lane& Live::lane(protocol::Stream stream) {
  return stream == protocol::Stream::kStdout ? out_ : err_;
}

void Live::for_each_pump(void (Pump::*method)()) {
  // A pump's end may finish the session, which lets go of the pumps.
  const auto out = out_.pump;
  const auto err = err_.pump;
  if (out) (out.get()->*method)();
  if (err) (err.get()->*method)();
}

Allowance Live::allowance(protocol::Stream stream) {
  if (abandoned_) return {kUnlimited, false};
  const auto sent = out_.sent + err_.sent;
  const auto left = max_output_ ? *max_output_ - sent : kUnlimited;
  if (left == 0) return {0, true};
  return {draining_ ? left : std::min(left, lane(stream).window.left()), false};
}

void Live::on_taken(protocol::Stream stream, std::size_t bytes) {
  auto& taken = lane(stream);
  if (abandoned_) return;
  taken.sent += bytes;
  if (!draining_) taken.window.take(bytes);
}

void Live::on_stream_end(protocol::Stream stream) {
  if (announced_) shared_.outbox.send_later(protocol::Closed{id_, stream});
  feed(session::StreamEnded{});
}

void Live::on_overflow() { feed(session::OutputOverflowed{}); }

void Live::on_fed(std::size_t bytes) { shared_.outbox.send(protocol::InputCredit{id_, bytes}); }

void Live::on_input_closed(int code) {
  shared_.outbox.send(protocol::InputClosed{id_, errno_name(code)});
}

}  // namespace contained::engine
