// Freezing a group, and killing it member by member, which needs it.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <unordered_set>

#include "base/file.hpp"
#include "base/linux.hpp"
#include "cgroup/group.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/text.hpp"
#include "cgroup/walk.hpp"

namespace contained::cgroup {
namespace {

constexpr useconds_t kFreezePause = 100;

Status written(int dirfd, const char* file, const char* value, const std::string& name) {
  const auto status = write_file_at(dirfd, file, value);
  if (status || is_gone(status.error().code)) return Done{};
  return Error{status.error().code, Stage::kCgroup, name};
}

}  // namespace

bool Group::can_freeze() const {
  if (is_v1()) return hierarchy_ == kFreezer;
  return ::faccessat(dir_.get(), kFreeze, F_OK, 0) == 0;
}

// Tasks that fork keep a group FREEZING; each write has the kernel look for them again
// (freezer-subsystem.rst). The next round, or the one who asked, does the rest.
Status Group::freeze_v1() {
  for (int attempt = 0; attempt < kFreezeTries; ++attempt) {
    auto asked = written(dir_.get(), kFreezerState, "FROZEN", name_);
    if (!asked) return asked;
    const auto state = read_brief_at(dir_.get(), kFreezerState);
    if (!state || trimmed(*state) == "FROZEN") return Done{};
    ::usleep(kFreezePause);
  }
  return Error{EBUSY, Stage::kCgroup, name_};
}

Status Group::thaw() {
  if (!is_v1()) return written(dir_.get(), kFreeze, "0", name_);
  // A payload that is root may have frozen sub-groups, which thaw only by themselves.
  for_each_below(dir_.get(),
                 [](int dirfd) { (void)write_file_at(dirfd, kFreezerState, "THAWED"); });
  return written(dir_.get(), kFreezerState, "THAWED", name_);
}

Status Group::freeze(bool freeze) {
  if (!can_freeze()) return Error{ENOTSUP, Stage::kCgroup, name_};
  if (!freeze) return thaw();
  return is_v1() ? freeze_v1() : written(dir_.get(), kFreeze, "1", name_);
}

Result<bool> Group::frozen() const {
  if (!can_freeze()) return Error{ENOTSUP, Stage::kCgroup, name_};
  const auto text = read_brief_at(dir_.get(), is_v1() ? kFreezerState : kEvents);
  if (!text) return Error{text.error().code, Stage::kCgroup, name_};
  return is_v1() ? trimmed(*text) == "FROZEN" : number_of(*text, "frozen") == 1U;
}

Group::State Group::state() const {
  State state;
  if (is_v1()) {
    const auto busy = populated();
    if (busy) state.populated = *busy;
    const auto still = frozen();
    if (still) state.frozen = *still;
    return state;
  }
  const auto text = read(kEvents);
  if (!text) return state;
  const auto busy = parse_populated(*text);
  if (busy) state.populated = *busy;
  const auto still = number_of(*text, "frozen");  // since Linux 5.2, with cgroup.freeze
  if (still) state.frozen = *still == 1;
  return state;
}

Status Group::kill() {
  if (is_v1()) return kill_each();
  auto written = write_file_at(dir_.get(), kKill, "1");
  if (written) return written;
  // cgroup.procs is in every group: without it this one is gone.
  const bool gone = is_gone(written.error().code);
  if (gone && ::faccessat(dir_.get(), kProcs, F_OK, 0) != 0) return Done{};
  // A payload that made its group threaded gets EOPNOTSUPP, a kernel before 5.14 has no file, and
  // the hierarchy may have become read-only (EROFS): signals still reach its members.
  return kill_each();
}

Status Group::kill_each() {
  auto found = find_shown();
  if (!found) return found;
  if (!can_freeze()) {
    kill_members();
    return Done{};
  }
  // What is forked into a frozen group is frozen. SIGKILL acts there on v2 (cgroup-v2.rst); on v1
  // when it is thawed, which must happen whatever came before.
  (void)freeze(true);
  kill_members();
  return thaw();
}

void Group::kill_members() {
  std::unordered_set<pid_t> seen;
  bool any_new = true;
  for (int round = 0; any_new && round < kKillRounds; ++round) {
    any_new = false;
    for (const pid_t pid : processes()) {
      any_new = seen.insert(pid).second || any_new;
      // The pidfd first, then its membership: the pid may have been reused since it was listed.
      const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
      if (!contains(pid)) continue;
      if (pidfd) ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0U);
      if (!pidfd) ::kill(pid, SIGKILL);
    }
  }
}

}  // namespace contained::cgroup
