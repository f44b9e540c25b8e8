#include "engine/groups.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <utility>

#include "cgroup/alarm.hpp"
#include "engine/control.hpp"

namespace contained::engine {
namespace {

using GroupOp = protocol::GroupControl::Op;
using std::chrono::milliseconds;

constexpr milliseconds kRoundPause{5};
constexpr int kMostRoundsOfAnEnd = 1000;

// A group that meets its limit all the time is told of so often at most.
constexpr milliseconds kRest{100};

// So many looks follow an alarm, until something has been counted.
constexpr int kLooksAfterAlarm = 20;

// Of a crowd on v1; the rest are found when somebody looks.
constexpr std::size_t kMostAlarms = 64;

constexpr const char* kEventFiles[] = {"cgroup.events", "memory.events", "pids.events"};

void after(asio::io_context& io, milliseconds pause, std::function<void()> then) {
  auto timer = std::make_shared<asio::steady_timer>(io, pause);
  timer->async_wait([timer, then = std::move(then)](const boost::system::error_code& error) {
    if (!error) then();
  });
}

protocol::Control control_of(std::uint32_t ref) {
  protocol::Control control;
  control.ref = ref;
  return control;
}

}  // namespace

// What is killed until it is empty, and perhaps removed.
struct Groups::End {
  std::string group;
  std::uint32_t ref = 0;
  bool remove = false;
  int rounds = 0;
};

Groups::Groups(asio::io_context& io, Outbox& outbox, cgroup::Ground& ground,
               const std::optional<Error>& no_ground)
    : io_(io), outbox_(outbox), ground_(ground), no_ground_(no_ground) {}

void Groups::handle(const protocol::GroupControl& request) {
  auto crowd = no_ground_ ? Result<cgroup::Crowd>(*no_ground_) : ground_.crowd(request.group);
  if (!crowd) return done(request.control.ref, crowd.error());
  perform(*crowd, request);
}

void Groups::perform(cgroup::Crowd& crowd, const protocol::GroupControl& request) {
  const auto& control = request.control;
  switch (request.op) {
    case GroupOp::kMake:
      return done(control.ref, crowd.make());
    case GroupOp::kWatch:
      return watch(crowd, control.ref);
    case GroupOp::kUnwatch:
      unwatch(crowd.name());
      return done(control.ref, Done{});
    case GroupOp::kRemove:
      unwatch(crowd.name());
      return finish(std::make_shared<End>(End{crowd.name(), control.ref, true}));
    case GroupOp::kControl:
      if (control.op != protocol::Control::Op::kKill) return outbox_.send(answer(control, crowd));
      return finish(std::make_shared<End>(End{crowd.name(), control.ref, false}));
  }
}

void Groups::done(std::uint32_t ref, const Status& status) {
  if (!status) return outbox_.send(refuse(control_of(ref), status.error()));
  outbox_.send(protocol::Answer{0, ref, std::monostate()});
}

// ---- The end of a group

// Its commands' sessions end beside it, as those of commands that somebody has killed.
void Groups::finish(const std::shared_ptr<End>& end) {
  auto crowd = ground_.crowd(end->group);
  if (!crowd) return done(end->ref, crowd.error());
  auto over = crowd->remove_or_kill(end->remove);
  if (over && *over) return done(end->ref, Done{});
  // Nobody is left, and nobody can remove it.
  const bool hopeless = !over && over.error().code == EROFS && crowd->processes().empty();
  if (hopeless || ++end->rounds > kMostRoundsOfAnEnd) {
    return done(end->ref, over ? Error{EBUSY, Stage::kCgroup, end->group} : over.error());
  }
  after(io_, kRoundPause, [this, end] { finish(end); });
}

// ---- Watching

void Groups::watch(cgroup::Crowd& crowd, std::uint32_t ref) {
  if (!crowd.exists()) return done(ref, Error{ENOENT, Stage::kCgroup, crowd.name()});
  if (!changes_) {
    const int inotify = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (inotify < 0) return done(ref, Error::last(Stage::kCgroup, "inotify"));
    changes_.emplace(io_, inotify);
    await_changes();
  }
  auto& watch = watches_[crowd.name()];
  add_files(crowd, watch);
  add_alarms(crowd, watch, true);
  done(ref, Done{});
  tell(crowd, watch);
}

// Those of a controller come with the first limit of its kind: looked for whenever it is looked at.
void Groups::add_files(cgroup::Crowd& crowd, Watch& watch) {
  for (const int dirfd : crowd.directories()) {
    for (const auto* const file : kEventFiles) {
      const auto path = fmt::format("/proc/self/fd/{}/{}", dirfd, file);
      const int descriptor =
          ::inotify_add_watch(changes_->native_handle(), path.c_str(), IN_MODIFY);
      if (descriptor < 0) continue;
      watch.descriptors.insert(descriptor);
      names_[descriptor] = crowd.name();
    }
  }
}

// A group's alarm does not ring for a limit of one below it.
void Groups::add_alarms(cgroup::Crowd& crowd, Watch& watch, bool below) {
  for (const auto& [inode, directory] : crowd.memory_groups(below)) {
    if (watch.alarms.contains(inode) || watch.alarms.size() == kMostAlarms) continue;
    auto alarm = cgroup::memory_alarm(directory.get());
    if (!alarm) return;
    const auto added = watch.alarms.emplace(inode, Descriptor(io_, alarm->release())).first;
    await_alarm(crowd.name(), inode, added->second);
  }
}

// One that has rung is done: what is still there gets another one.
void Groups::await_alarm(const std::string& group, std::uint64_t inode, Descriptor& alarm) {
  alarm.async_wait(Descriptor::wait_read,
                   [this, group, inode](const boost::system::error_code& error) {
                     if (!error) ring(group, inode);
                   });
}

// It rings at the end of its group, too.
void Groups::ring(const std::string& group, std::uint64_t inode) {
  const auto found = watches_.find(group);
  if (found == watches_.end()) return;
  found->second.alarms.erase(inode);
  const auto crowd = ground_.crowd(group);
  const auto there = crowd ? crowd->memory_groups(true) : std::vector<cgroup::Crowd::MemoryGroup>();
  const bool lives = std::any_of(there.begin(), there.end(),
                                 [inode](const auto& each) { return each.inode == inode; });
  if (lives) found->second.looks = kLooksAfterAlarm;
  look(group);
}

// Its group of memory may be new.
void Groups::on_start(const std::string& group, bool limited) {
  for (auto& [name, watch] : watches_) {
    if (group != name && !group.starts_with(name + '/')) continue;
    auto crowd = ground_.crowd(name);
    if (crowd) add_alarms(*crowd, watch, limited);
  }
}

void Groups::unwatch(const std::string& group) {
  const auto found = watches_.find(group);
  if (found == watches_.end()) return;
  for (const int descriptor : found->second.descriptors) {
    ::inotify_rm_watch(changes_->native_handle(), descriptor);
    names_.erase(descriptor);
  }
  watches_.erase(found);
}

void Groups::await_changes() {
  changes_->async_wait(Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (!error) read_changes();
  });
}

void Groups::read_changes() {
  std::set<std::string> changed;
  alignas(inotify_event) std::array<char, 16 * (sizeof(inotify_event) + NAME_MAX + 1)> buffer;
  for (;;) {
    const auto size = ::read(changes_->native_handle(), buffer.data(), buffer.size());
    if (size <= 0) break;
    for (auto at = buffer.data(); at < buffer.data() + size;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      at += sizeof event + event.len;
      const auto found = names_.find(event.wd);
      if (found == names_.end()) continue;
      changed.insert(found->second);
      // Its file is gone, and the number may be given again.
      if ((event.mask & IN_IGNORED) != 0) names_.erase(found);
    }
  }
  for (const auto& group : changed) look(group);
  await_changes();
}

void Groups::look(const std::string& group) {
  const auto found = watches_.find(group);
  if (found == watches_.end()) return;
  found->second.stale = true;
  if (!std::exchange(found->second.resting, true)) rest(group);
}

// Tells, and after a pause tells again if there is more.
void Groups::rest(const std::string& group) {
  const auto found = watches_.find(group);
  if (found == watches_.end()) return;
  auto& watch = found->second;
  watch.resting = std::exchange(watch.stale, false) || watch.looks > 0;
  if (!watch.resting) return;
  auto crowd = ground_.crowd(group);
  if (!crowd || !crowd->exists()) return;
  if (watch.looks > 0) --watch.looks;
  add_files(*crowd, watch);
  add_alarms(*crowd, watch, true);
  tell(*crowd, watch);
  after(io_, kRest, [this, group] { rest(group); });
}

void Groups::tell(cgroup::Crowd& crowd, Watch& watch) {
  const auto now = crowd.events();
  const auto before = std::exchange(watch.told, now);
  const auto send = [&](std::string_view kind, std::string_view limit, std::uint64_t count) {
    outbox_.send(protocol::GroupEvent{crowd.name(), kind, limit, count});
  };
  if (now.oom_kills > before.oom_kills) {
    watch.looks = 0;
    send("oom", {}, now.oom_kills);
  }
  if (now.memory_max > before.memory_max) send("limit_hit", "memory", now.memory_max);
  if (now.pids_max > before.pids_max) send("limit_hit", "pids", now.pids_max);
  const auto busy = crowd.populated();
  if (!busy || *busy == watch.populated) return;
  watch.populated = *busy;
  send(*busy ? "populated" : "empty", {}, 0);
}

}  // namespace contained::engine
