#include "engine/stub_enclosure.hpp"

#include <signal.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "process/descendants.hpp"

namespace contained::engine {
namespace {

// Every limit needs a control group, and so has what is to become of one.
std::vector<std::string> asked_limits(const protocol::Placement& asked) {
  std::vector<std::string> keys;
  if (asked.name) keys.emplace_back("cgroup_name");
  if (asked.keep) keys.emplace_back("keep_cgroup");
  if (asked.delegate) keys.emplace_back("delegate_cgroup");
  for (const auto& limit : asked.group_limits) keys.push_back(limit.key);
  for (const auto& limit : asked.limits) keys.push_back(limit.key);
  for (const auto& setting : asked.settings) keys.push_back(setting.file);
  return keys;
}

}  // namespace

StubEnclosure::StubEnclosure(StubContext context, const protocol::Start& request)
    : context_(context),
      asked_limits_(asked_limits(request.placement)),
      ignore_unsupported_(request.placement.ignore_unsupported) {}

Status StubEnclosure::refuse_limits() const {
  if (asked_limits_.empty() || ignore_unsupported_) return Done{};
  return Error{ENOTSUP, Stage::kLimit, asked_limits_.front()};
}

Result<UniqueFd> StubEnclosure::start(process::SpawnSpec spec, EnclosureOwner& owner) {
  if (const auto good = refuse_limits(); !good) return good.error();
  not_applied_ = asked_limits_;
  auto spawned = process::spawn_stub(spec, context_.refused);
  if (!spawned) return spawned.error();
  owner_ = &owner;
  stub_ = std::move(spawned->stub);
  control_.emplace(context_.io, spawned->control.release());
  context_.reaper.watch(stub_.pid(), [self = shared_from_this()](const process::Reaped& reaped) {
    self->on_stub_exit(reaped);
  });
  wait();
  return std::move(spawned->status);
}

// The leader's own message is the first one, and comes before the end of the exec status pipe.
pid_t StubEnclosure::leader() {
  if (leader_ != 0 || !control_) return leader_;
  const auto event = process::read_stub(control_->native_handle());
  if (!event) return 0;
  if (const auto* first = std::get_if<process::StubLeader>(&*event)) on(*first);
  return leader_;
}

// ---- What the stub tells

void StubEnclosure::wait() {
  control_->async_wait(Descriptor::wait_read, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (error || !self || !self->control_) return;
    self->read_events();
    if (self->control_) self->wait();
  });
}

void StubEnclosure::read_events() {
  while (control_) {
    const auto event = process::read_stub(control_->native_handle());
    if (!event) return;
    std::visit([this](const auto& what) { on(what); }, *event);
  }
}

void StubEnclosure::on(const process::StubLeaderExited& event) {
  leader_exited(event.status, event.usage);
}

void StubEnclosure::on(const process::StubSignaled& event) {
  if (signals_.empty()) return;
  const auto done = std::move(signals_.front());
  signals_.pop_front();
  done(event.code == 0 ? Status(Done{}) : Status(Error{event.code, Stage::kSignal, {}}));
}

void StubEnclosure::on(const process::StubCount& event) {
  if (event.processes > 0) tell({true, event.processes});
}

void StubEnclosure::on(const process::StubClosed&) {
  control_.reset();
  const auto unanswered = std::exchange(signals_, {});
  for (const auto& done : unanswered) done(Error{ESRCH, Stage::kSignal, {}});
}

// With it the session is empty; or it was killed, and what it had above it is now below us.
void StubEnclosure::on_stub_exit(const process::Reaped& reaped) {
  read_events();
  on(process::StubClosed{});
  stub_.mark_reaped();
  usage_of_all_ = reaped.usage;
  const bool killed = reaped.status != process::ExitStatus{.exited = true, .code = 0};
  if (killed) context_.reaper.kill_strays(context_.ground);
  if (leader_exited_) return tell({});
  leader_ != 0 ? watch_orphaned_leader() : leader_exited(reaped.status, reaped.usage);
}

// It dies with its stub; a set-user-ID program does not by itself.
void StubEnclosure::watch_orphaned_leader() {
  context_.reaper.watch(leader_, [self = shared_from_this()](const process::Reaped& reaped) {
    self->leader_exited(reaped.status, reaped.usage);
  });
  ::kill(leader_, SIGKILL);
}

void StubEnclosure::leader_exited(process::ExitStatus status, const rusage& usage) {
  if (std::exchange(leader_exited_, true)) return;
  usage_of_leader_ = usage;
  if (owner_ != nullptr) owner_->on_leader_exit({leader_, status, usage});
}

void StubEnclosure::tell(Look look) {
  if (owner_ != nullptr) owner_->on_look(look);
}

// ---- What it is asked

// Asked for the number of processes; an empty one tells by its end, with which what it has used is
// known.
void StubEnclosure::check() {
  if (stub_.reaped()) return tell({});
  if (control_) (void)process::stub_count(control_->native_handle());
}

void StubEnclosure::kill() {
  if (control_) (void)process::stub_kill(control_->native_handle());
  // Its own payload may have stopped it.
  (void)stub_.signal(SIGCONT);
}

void StubEnclosure::signal(int number, protocol::Target to, Answered done) {
  if (!control_) return done(Error{ESRCH, Stage::kSignal, {}});
  const bool leader_only = to == protocol::Target::kLeader;
  auto sent = process::stub_signal(control_->native_handle(), number, leader_only);
  if (!sent) return done(std::move(sent));
  signals_.push_back(std::move(done));
}

std::vector<pid_t> StubEnclosure::processes() const {
  std::vector<pid_t> pids;
  if (stub_.reaped()) return pids;
  for (const auto& [pid, parent] : process::descendants_of(stub_.pid())) {
    if (process::is_alive(pid)) pids.push_back(pid);
  }
  return pids;
}

// ---- The end

void StubEnclosure::account(protocol::Ended& ended) {
  const auto& usage = stub_.reaped() ? usage_of_all_ : usage_of_leader_;
  ended.user_us = microseconds(usage.ru_utime);
  ended.system_us = microseconds(usage.ru_stime);
  ended.max_rss_kb = static_cast<std::uint64_t>(usage_of_leader_.ru_maxrss);
  ended.not_applied = not_applied_;
}

bool StubEnclosure::tend(bool kill_too) {
  if (stub_.reaped()) return true;
  if (kill_too) kill();
  return false;
}

}  // namespace contained::engine
