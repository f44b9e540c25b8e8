#include "engine/stub_enclosure.hpp"

#include <signal.h>

#include <algorithm>
#include <utility>

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
  is_init_ = spec.isolation.own_init;
  auto spawned = is_init_ ? process::spawn_init(spec, context_.refused)
                          : process::spawn_stub(spec, context_.refused);
  if (!spawned) return spawned.error();
  owner_ = &owner;
  stub_ = std::move(spawned->stub);
  line_ = std::make_shared<StubLine>(context_.io, std::move(spawned->control),
                                     static_cast<StubLineOwner&>(*this));
  context_.reaper.watch(stub_.pid(), [self = shared_from_this()](const process::Reaped& reaped) {
    self->on_stub_exit(reaped);
  });
  line_->wait();
  return std::move(spawned->status);
}

// ---- What the stub tells

void StubEnclosure::on_leader_exited(const process::StubLeaderExited& event) {
  leader_exited(event.status, event.usage);
}

void StubEnclosure::on_count(std::uint64_t processes) {
  if (processes > 0) tell({true, processes});
}

void StubEnclosure::on_orphan_exited(const process::StubOrphanExited& event) {
  if (owner_ != nullptr) owner_->on_orphan_exit(event.pid, event.status);
}

// With it the session is empty; or it was killed, and what it had above it is now below us.
void StubEnclosure::on_stub_exit(const process::Reaped& reaped) {
  line_->read_events();
  line_->close();
  stub_.mark_reaped();
  usage_of_all_ = reaped.usage;
  const bool killed = reaped.status != process::ExitStatus{.exited = true, .code = 0};
  if (killed) context_.reaper.kill_strays(context_.ground);
  if (leader_exited_) return tell({});
  // With a pid 1 the kernel has killed all others; it tells so before they can be looked for.
  const bool orphaned = leader() != 0 && !is_init_;
  orphaned ? watch_orphaned_leader() : leader_exited(reaped.status, reaped.usage);
}

// It dies with its stub; a set-user-ID program does not by itself.
void StubEnclosure::watch_orphaned_leader() {
  context_.reaper.watch(leader(), [self = shared_from_this()](const process::Reaped& reaped) {
    self->leader_exited(reaped.status, reaped.usage);
  });
  ::kill(leader(), SIGKILL);
}

void StubEnclosure::leader_exited(process::ExitStatus status, const rusage& usage) {
  if (std::exchange(leader_exited_, true)) return;
  usage_of_leader_ = usage;
  if (owner_ != nullptr) owner_->on_leader_exit({leader(), status, usage});
}

void StubEnclosure::tell(Look look) {
  if (owner_ != nullptr) owner_->on_look(look);
}

// ---- What it is asked

// Asked for the number of processes; an empty one tells by its end, with which what it has used is
// known. An init, to which most of /proc is hidden, is not asked.
void StubEnclosure::check() {
  if (stub_.reaped()) return tell({});
  if (!is_init_) return line_->count();
  if (const auto alive = processes().size(); alive > 0) tell({true, alive});
}

void StubEnclosure::kill() {
  if (line_) line_->kill();
  // Its own payload may have stopped it.
  (void)stub_.signal(SIGCONT);
}

void StubEnclosure::signal(int number, protocol::Target to, std::function<void(Status)> done) {
  line_->signal(number, to == protocol::Target::kLeader, std::move(done));
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
