#include "engine/live.hpp"

#include <signal.h>

#include <string>
#include <utility>

#include "engine/control.hpp"
#include "engine/group_enclosure.hpp"
#include "engine/spec.hpp"
#include "engine/stub_enclosure.hpp"

namespace contained::engine {
namespace {

std::shared_ptr<Enclosure> make_enclosure(Shared& shared, const protocol::Start& request) {
  if (shared.ground.kind() == cgroup::Kind::kBestEffort) {
    return std::make_shared<StubEnclosure>(
        StubContext{shared.io, shared.reaper, shared.ground, shared.refused}, request);
  }
  return std::make_shared<GroupEnclosure>(
      GroupContext{shared.io, shared.reaper, shared.ground, shared.refused}, request);
}

// What a failure in the child was about, as its user knows it.
std::string subject_of(const Error& error, const std::string& program, const std::string& cd) {
  const bool sealing = error.stage == Stage::kSeccomp || error.stage == Stage::kLandlock;
  if (sealing || !error.subject.empty()) return error.subject;
  return error.stage == Stage::kChdir ? cd : program;
}

}  // namespace

Live::Live(Shared& shared, const protocol::Start& request)
    : shared_(shared),
      id_(request.id),
      session_(session::policy_of(request)),
      streams_(shared.io, shared.receiver, request, *this),
      enclosure_(make_enclosure(shared, request)),
      hold_started_(request.hold_started),
      program_(request.program),
      cd_(request.cd.value_or(shared.directory)),
      started_at_(std::chrono::steady_clock::now()) {}

Live::~Live() {
  if (enclosure_) enclosure_->detach();
}

Result<std::shared_ptr<Live>> Live::start(Shared& shared, const protocol::Start& request) {
  auto live = std::make_shared<Live>(shared, request);
  const auto launched = live->launch(request);
  if (!launched) return launched.error();
  return live;
}

Status Live::launch(const protocol::Start& request) {
  auto spec = spec_of(request, shared_.environment, shared_.directory);
  if (!spec) return spec.error();
  auto pipes = make_pipes(request, shared_.null_fd, shared_.links);
  if (!pipes) return pipes.error();
  spec->stdio = pipes->child;
  spec->terminal = pipes->terminal_number;
  spec->extra_fds = pipes->extras;
  spec->open_files = shared_.open_files;
  auto seal = shared_.sealer.seal(request.seal);
  if (!seal) return seal.error();
  last_word_ = seal->last_word;
  spec->seal = std::move(*seal);
  auto status = enclosure_->start(std::move(*spec), *this);
  if (!status) return status.error();
  // From here on the child is ours to reap.
  streams_.open(std::move(*pipes));
  exec_status_.emplace(shared_.io, status->release());
  watch_exec();
  pending_ = session_.begin();
  act();
  return Done{};
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
  const auto word = std::exchange(last_word_, nullptr);
  const auto heard = word ? word->heard() : std::nullopt;
  if (status.state == process::ExecState::kDone && !heard) return begin();
  auto error = status.state == process::ExecState::kDone ? *heard : status.error;
  if (error.stage == Stage::kCgroup) enclosure_->distrust();
  error.subject = subject_of(error, program_, cd_);
  feed(session::SetupFailed{std::move(error)});
}

// The end of the exec status pipe also comes when the child was killed before it could tell.
void Live::begin() {
  if (enclosure_->leader() != 0) return feed(session::Executed{});
  feed(session::SetupFailed{Error{ESRCH, Stage::kFork, program_}});
}

void Live::on_leader_exit(const process::Reaped& reaped) {
  settle_exec();
  feed(session::LeaderExited{reaped.status});
}

void Live::on_orphan_exit(pid_t pid, process::ExitStatus status) {
  settle_exec();
  shared_.receiver.send(
      protocol::OrphanExit{id_, pid, status.exited, status.code, status.core_dumped});
}

void Live::on_look(Look look) {
  if (enclosure_->out_of_memory()) feed(session::MemoryExhausted{});
  feed(session::GroupChecked{look.populated, look.processes});
}

// ---- Requests

void Live::input(const protocol::Input& request) { refuse("input", streams_.input(request)); }

void Live::close_input(const protocol::CloseInput& request) {
  refuse("close_input", streams_.close_input(request.fd));
}

void Live::credit(const protocol::Credit& request) { refuse("credit", streams_.credit(request)); }

void Live::signal(const protocol::Signal& request) {
  enclosure_->signal(
      request.number, request.to, [&receiver = shared_.receiver, id = id_](Status sent) {
        receiver.send(protocol::Signaled{id, sent ? "" : errno_name(sent.error().code)});
      });
}

void Live::stop(std::optional<protocol::Ladder> ladder) {
  feed(session::StopAsked{std::move(ladder)});
}

void Live::control(const protocol::Control& request) {
  const bool resizes = request.op == protocol::Control::Op::kResize;
  shared_.receiver.send(resizes ? answer(request, streams_.resize(request.size))
                                : answer(request, *enclosure_));
}

void Live::refuse(std::string_view request, std::string_view reason) {
  if (!reason.empty()) shared_.receiver.send(protocol::Refused{id_, std::string(request), reason});
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
  program_ = cd_ = {};
  const protocol::Started started{id_, enclosure_->leader()};
  hold_started_ ? shared_.receiver.send_later(started) : shared_.receiver.send(started);
  streams_.begin();
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
  // What is frozen cannot act on it.
  if (auto* cell = enclosure_->cell()) (void)cell->thaw();
  const auto ignore = [](const Status&) {};
  enclosure_->signal(action.number, action.to, ignore);
  enclosure_->signal(SIGCONT, action.to, ignore);
}

void Live::perform(const session::KillGroup&) {
  enclosure_->kill();
  shared_.reaper.kill_strays(shared_.ground);
}

void Live::perform(const session::Finish&) {
  const auto outcome = session_.outcome();
  // Only now, with the leader reaped, are those that have left its group our children.
  if (outcome.reason != session::Reason::kExit) shared_.reaper.kill_strays(shared_.ground);
  if (outcome.failure) {
    const auto& failure = *outcome.failure;
    shared_.receiver.send(
        protocol::Failed{id_, name(failure.stage), errno_name(failure.code), failure.subject});
  } else {
    send_ended(outcome);
  }
  ++timer_generation_;
  timer_.reset();
  enclosure_->detach();
  shared_.on_over(id_, Leftover{std::exchange(enclosure_, nullptr), outcome.unkilled > 0});
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
  ended.stdout_bytes = streams_.sent(protocol::Stream::kStdout);
  ended.stderr_bytes = streams_.sent(protocol::Stream::kStderr);
  enclosure_->account(ended);
  shared_.receiver.send(ended);
}

}  // namespace contained::engine
