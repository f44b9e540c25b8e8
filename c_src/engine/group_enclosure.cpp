#include "engine/group_enclosure.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>
#include <utility>

#include "process/descendants.hpp"

namespace contained::engine {
namespace {

using std::chrono::milliseconds;

constexpr process::ExitStatus kKilled = {.exited = false, .code = SIGKILL};

// Where no event tells that a group has become empty (v1).
constexpr milliseconds kPoll{5};

std::vector<cgroup::Limit> limits_of(const std::vector<protocol::Limit>& asked) {
  std::vector<cgroup::Limit> limits;
  limits.reserve(asked.size());
  for (const auto& [key, value] : asked) limits.push_back({key, value});
  return limits;
}

cgroup::Request request_of(const protocol::Placement& asked) {
  cgroup::Request request;
  request.group = asked.group;
  request.name = asked.name.value_or("");
  request.limits = limits_of(asked.limits);
  request.group_limits = limits_of(asked.group_limits);
  for (const auto& [controller, file, value] : asked.settings) {
    request.settings.push_back({controller, file, value});
  }
  request.ignore_unsupported = asked.ignore_unsupported;
  request.keep = asked.keep;
  // What was somebody else's is not for the next command.
  request.fresh = asked.delegate;
  return request;
}

}  // namespace

GroupEnclosure::GroupEnclosure(GroupContext context, const protocol::Start& request)
    : context_(context),
      asked_(request_of(request.placement)),
      delegate_(request.placement.delegate),
      uid_(request.identity.uid.value_or(::geteuid())),
      gid_(request.identity.gid.value_or(::getegid())),
      orphans_(request.orphans) {}

Result<UniqueFd> GroupEnclosure::start(process::SpawnSpec spec, EnclosureOwner& owner) {
  auto spawned = enter(spec);
  if (!spawned && spawned.error().stage == Stage::kCgroup && !std::exchange(asked_.fresh, true)) {
    // Somebody has altered or removed it since it was made: once more, in a new one.
    spawned = enter(spec);
  }
  if (!spawned) return spawned.error();
  owner_ = &owner;
  child_ = std::move(spawned->child);
  if (line_) line_->wait();
  context_.reaper.watch(child_.pid(), [self = shared_from_this()](const process::Reaped& reaped) {
    self->on_exit(reaped);
  });
  return std::move(spawned->status);
}

Result<process::Spawned> GroupEnclosure::enter(process::SpawnSpec& spec) {
  auto cell = context_.ground.make(asked_);
  if (!cell) return cell.error();
  const auto ready = prepare(*cell, spec.isolation.own_init);
  spec.cgroup_fd = cell->clone_fd();
  spec.attach_fds = cell->procs_fds();
  auto spawned = ready ? spawn(spec) : Result<process::Spawned>(ready.error());
  cell_ = std::move(*cell);
  if (!spawned) {
    if (spawned.error().stage == Stage::kCgroup) distrust();
    forget_orphans();
    (void)context_.ground.give_back(cell_);
    cell_ = {};
  }
  return spawned;
}

Status GroupEnclosure::prepare(cgroup::Cell& cell, bool own_init) {
  if (delegate_) {
    auto given = cell.chown(uid_, gid_);
    if (!given) return given;
  }
  if (!orphans_ || own_init) return Done{};
  auto shown = cell.shown();
  if (!shown) return Error{ENOTSUP, Stage::kOption, "orphans"};
  adopted_ = std::move(*shown);
  context_.reaper.adopt(adopted_, [weak = weak_from_this()](const process::Reaped& orphan) {
    if (const auto self = weak.lock()) self->tell_of_orphan(orphan.pid, orphan.status);
  });
  return Done{};
}

Result<process::Spawned> GroupEnclosure::spawn(const process::SpawnSpec& spec) {
  if (!spec.isolation.own_init) return process::spawn(spec, context_.refused);
  auto spawned = process::spawn_init(spec, context_.refused);
  if (!spawned) return spawned.error();
  line_ = std::make_shared<StubLine>(context_.io, std::move(spawned->control),
                                     static_cast<StubLineOwner&>(*this));
  return process::Spawned{std::move(spawned->stub), std::move(spawned->status)};
}

void GroupEnclosure::distrust() { cell_.keep_from_others(); }

void GroupEnclosure::on_exit(const process::Reaped& reaped) {
  if (line_) {
    line_->read_events();
    line_->close();
  }
  child_.mark_reaped();
  // Not by us: perhaps through cgroup.kill, by somebody who killed the spare groups with it. Others
  // of the command may live.
  if (reaped.status == kKilled && !killed_ && cell_.valid()) {
    context_.ground.clear_spares();
    distrust();
  }
  // An init that was killed, with all of its namespace, has not told of the leader.
  if (last_) return leader_exited(last_->status, last_->usage);
  leader_exited(reaped.status, reaped.usage);
}

void GroupEnclosure::on_orphan_exited(const process::StubOrphanExited& event) {
  tell_of_orphan(event.pid, event.status);
}

void GroupEnclosure::tell_of_orphan(pid_t pid, process::ExitStatus status) {
  if (owner_ != nullptr) owner_->on_orphan_exit(pid, status);
}

void GroupEnclosure::forget_orphans() {
  if (!adopted_.empty()) context_.reaper.forget(adopted_);
  adopted_.clear();
}

// With nobody else left the init ends as well: until then the group is not empty.
void GroupEnclosure::on_leader_exited(const process::StubLeaderExited& event) {
  if (event.others == 0) {
    last_ = event;
  } else {
    leader_exited(event.status, event.usage);
  }
}

void GroupEnclosure::leader_exited(process::ExitStatus status, const rusage& usage) {
  if (std::exchange(leader_exited_, true)) return;
  usage_of_leader_ = usage;
  if (owner_ != nullptr) owner_->on_leader_exit({leader(), status, usage});
}

std::vector<pid_t> GroupEnclosure::processes() const {
  auto pids = cell_.processes();
  if (line_) std::erase(pids, child_.pid());
  return pids;
}

// ---- Signals

// An init that is to tell of its orphans is let do it for a moment: killed itself it tells nothing.
void GroupEnclosure::kill() {
  killed_ = true;
  if (orphans_ && line_ && line_->open() && kills_by_init_-- > 0) return line_->kill();
  if (cell_.valid()) (void)cell_.kill();
  (void)child_.signal(SIGKILL);
}

void GroupEnclosure::signal(int number, protocol::Target to, std::function<void(Status)> done) {
  const bool all = to == protocol::Target::kAll && cell_.valid();
  if (line_) return signal_by_init(number, all, std::move(done));
  auto sent = child_.signal(number);
  if (all) sent = signal_all(number, {child_.pid()}, std::move(sent));
  done(std::move(sent));
}

// All of its namespace, whoever they are by now: the init may signal ids that are not ours. Those
// that were moved into the group from elsewhere hear it from us.
void GroupEnclosure::signal_by_init(int number, bool all, std::function<void(Status)> done) {
  if (all) {
    std::unordered_set<pid_t> below = {child_.pid()};
    for (const auto& relative : process::descendants_of(child_.pid())) below.insert(relative.pid);
    (void)signal_all(number, std::move(below), Done{});
  }
  line_->signal(number, !all, std::move(done));
}

Status GroupEnclosure::signal_all(int number, std::unordered_set<pid_t> told, Status sent) {
  // A process can fork while we go through the list: again until nobody is new. Those who go on are
  // held meanwhile: no fork ends in a group that is being frozen, and the signal is there when it
  // thaws. What outruns even that meets cgroup.kill in the end.
  constexpr int kMostRounds = 8;
  constexpr int kHeldFrom = 2;
  bool held = false;
  for (int round = 0, fresh = 1; fresh > 0 && round < kMostRounds; ++round) {
    fresh = 0;
    if (round == kHeldFrom) held = cell_.freeze().ok();
    for (const pid_t pid : cell_.processes()) {
      if (!told.insert(pid).second) continue;
      ++fresh;
      auto reached = process::signal_foreign(
          pid, number, [this](pid_t candidate) { return cell_.contains(candidate); });
      if (reached) sent = std::move(reached);
    }
  }
  if (held) (void)cell_.thaw();
  return sent;
}

// ---- Is it empty?

// Whether it is taken, or empty and nobody can remove it. For want of descriptors or memory it
// cannot even be looked at now: then it is believed to be populated.
bool GroupEnclosure::give_back() {
  const auto taken = context_.ground.give_back(cell_);
  if (taken) return *taken;
  const int code = taken.error().code;
  if (code == EMFILE || code == ENFILE || code == ENOMEM) return false;
  const auto populated = cell_.populated();
  return !populated || !*populated;
}

// Giving the group back is the check: it is taken when it is empty. What it has counted is read
// before.
void GroupEnclosure::check() {
  if (!cell_.valid()) return tell({});
  if (auto usage = cell_.usage()) usage_ = *usage;
  not_applied_ = cell_.not_applied();
  if (!give_back()) return tell({true, processes().size()});
  cell_ = {};
  events_.reset();
  watching_ = false;
  if (!adopted_.empty()) context_.reaper.reap_dying(adopted_);
  forget_orphans();
  tell({});
}

void GroupEnclosure::watch() {
  if (watching_ || !cell_.valid()) return;
  watching_ = true;
  auto events = cell_.open_events();
  if (events) events_.emplace(context_.io, events->release());
  look();
}

void GroupEnclosure::await_change() {
  if (!events_) return look_again_after(kPoll);
  // cgroup.events raises POLLPRI when it changes (cgroup-v2.rst, "[Un]populated Notification").
  events_->async_wait(Descriptor::wait_error, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (!error && self && self->watching_) self->look();
  });
}

void GroupEnclosure::look() {
  // Reading the watched descriptor is also what re-arms its POLLPRI.
  const auto populated =
      events_ ? cgroup::read_populated(events_->native_handle()) : cell_.populated();
  if (populated && *populated) return await_change();
  check();
  // Empty and yet not removed: it had more sub-groups than one call removes, or somebody has just
  // been moved into it.
  if (watching_) look_again_after(milliseconds(1));
}

void GroupEnclosure::look_again_after(milliseconds pause) {
  if (!recheck_) recheck_.emplace(context_.io);
  recheck_->expires_after(pause);
  recheck_->async_wait([weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (!error && self && self->watching_) self->look();
  });
}

void GroupEnclosure::tell(Look look) {
  if (owner_ != nullptr) owner_->on_look(look);
}

// ---- The end

void GroupEnclosure::detach() {
  forget_orphans();
  owner_ = nullptr;
}

void GroupEnclosure::account(protocol::Ended& ended) {
  const auto cpu = usage_.cpu.value_or(cgroup::CpuTime{microseconds(usage_of_leader_.ru_utime),
                                                       microseconds(usage_of_leader_.ru_stime)});
  ended.user_us = cpu.user_us;
  ended.system_us = cpu.system_us;
  ended.max_rss_kb = static_cast<std::uint64_t>(usage_of_leader_.ru_maxrss);
  ended.memory_peak = usage_.memory_peak;
  ended.oom_kills = usage_.oom_kills;
  ended.io_read = usage_.io_read;
  ended.io_written = usage_.io_written;
  ended.pids_peak = usage_.pids_peak;
  ended.not_applied = not_applied_;
  ended.limits_hit = usage_.limits_hit;
}

bool GroupEnclosure::tend(bool kill) {
  watching_ = false;
  events_.reset();
  if (!cell_.valid()) return true;
  if (kill) (void)cell_.kill();
  return give_back();
}

}  // namespace contained::engine
