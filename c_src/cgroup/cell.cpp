#include "cgroup/cell.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include "base/file.hpp"
#include "cgroup/in_force.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/places.hpp"
#include "cgroup/text.hpp"
#include "cgroup/trees.hpp"

namespace contained::cgroup {
namespace {

constexpr int kPullRounds = 64;

Error no_groups() { return {ENOTSUP, Stage::kCgroup, "best_effort"}; }

}  // namespace

std::vector<int> Cell::procs_fds() const {
  std::vector<int> fds;
  if (track_procs_) fds.push_back(track_procs_.get());
  for (const auto& part : parts_) fds.push_back(part.procs.get());
  return fds;
}

Status Cell::kill() {
  if (!valid()) return Done{};
  altered_ = true;
  auto killed = track_.kill();
  if (!killed || parts_.empty()) return killed;
  const auto busy = track_.populated();
  if (!busy || *busy) return Done{};
  // Who has left the group that tracks, but not these, is ours all the same.
  for (auto& part : parts_) {
    auto status = part.group.kill_each();
    if (!status) return status;
  }
  return Done{};
}

Result<bool> Cell::populated() const {
  if (!valid()) return false;
  auto busy = track_.populated();
  if (!busy || *busy) return busy;
  for (const auto& part : parts_) {
    busy = part.group.populated();
    if (!busy || *busy) return busy;
  }
  return false;
}

Result<UniqueFd> Cell::open_events() const {
  if (!valid()) return no_groups();
  return track_.open_events();
}

std::vector<pid_t> Cell::processes() const {
  if (!valid()) return {};
  auto pids = track_.processes();
  if (parts_.empty()) return pids;
  for (const auto& part : parts_) {
    const auto more = part.group.processes();
    pids.insert(pids.end(), more.begin(), more.end());
  }
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

bool Cell::contains(pid_t pid) const {
  if (!valid()) return false;
  return track_.contains(pid) || std::any_of(parts_.begin(), parts_.end(), [pid](const Part& part) {
           return part.group.contains(pid);
         });
}

Status Cell::freeze() {
  if (!valid()) return no_groups();
  return track_.freeze(true);
}

Status Cell::thaw() {
  if (!valid()) return no_groups();
  return track_.freeze(false);
}

Result<bool> Cell::frozen() const {
  if (!valid()) return no_groups();
  return track_.frozen();
}

Status Cell::set_limits(const std::vector<Limit>& limits) {
  if (!valid()) return Error{ENOTSUP, Stage::kLimit, limits.empty() ? "" : limits.front().key};
  reusable_ = false;
  const auto before = parts_.size();
  CellPlace place(*this);
  auto applied = apply(place, limits, nullptr);
  for (auto at = before; at < parts_.size(); ++at) {
    const auto pulled = pull_in(parts_[at].group.fd());
    if (applied && !pulled) applied = pulled;
  }
  return applied;
}

// What is forked meanwhile by one that is not yet in is found in the next round.
Status Cell::pull_in(int dirfd) const {
  std::unordered_set<pid_t> moved;
  for (int round = 0; round < kPullRounds; ++round) {
    bool any_new = false;
    for (const pid_t pid : track_.processes()) {
      if (!moved.insert(pid).second) continue;
      any_new = true;
      const auto written = write_file_at(dirfd, kProcs, std::to_string(pid));
      if (written || written.error().code == ESRCH) continue;
      return Error{written.error().code, Stage::kCgroup, path()};
    }
    if (!any_new) return Done{};
  }
  return Error{EBUSY, Stage::kCgroup, path()};
}

Result<std::vector<Limit>> Cell::limits() const {
  if (!valid()) return no_groups();
  std::vector<Limit> limits;
  std::vector<std::string_view> seen;
  for (const auto& word : vocabulary()) {
    const auto home = trees_->home(word.controller);
    const auto* group = group_of(word.controller);
    if (!home || group == nullptr) continue;
    if (std::find(seen.begin(), seen.end(), word.controller) != seen.end()) continue;
    seen.push_back(word.controller);
    const auto found = limits_in_force(group->fd(), word.controller, home->version);
    limits.insert(limits.end(), found.begin(), found.end());
  }
  return limits;
}

const Group* Cell::group_of(std::string_view controller) const {
  const auto home = trees_->home(controller);
  if (!home) return nullptr;
  if (trees_->tracks(*home)) return &track_;
  for (const auto& part : parts_) {
    if (part.hierarchy == home->hierarchy) return &part.group;
  }
  return nullptr;
}

Result<std::string> Cell::get(std::string_view file) const {
  if (!valid()) return no_groups();
  const std::string name(file);
  if (!valid_file(file)) return Error{EINVAL, Stage::kCgroup, name};
  auto text = read_file_at(track_.fd(), name);
  for (const auto& part : parts_) {
    if (text || text.error().code != ENOENT) break;
    text = read_file_at(part.group.fd(), name);
  }
  if (text) return text;
  return Error{text.error().code == ENOENT ? ENOTSUP : text.error().code, Stage::kCgroup, name};
}

Status Cell::set(std::string_view file, std::string_view value) {
  if (!valid()) return no_groups();
  const std::string name(file);
  if (!valid_file(file)) return Error{EINVAL, Stage::kCgroup, name};
  if (is_ours_alone(file)) return Error{EPERM, Stage::kCgroup, name};
  altered_ = true;
  auto written = write_file_at(track_.fd(), name, value);
  for (const auto& part : parts_) {
    if (written || written.error().code != ENOENT) break;
    written = write_file_at(part.group.fd(), name, value);
  }
  if (written) return written;
  return Error{written.error().code == ENOENT ? ENOTSUP : written.error().code, Stage::kCgroup,
               name};
}

Status Cell::migrate(pid_t pid) {
  if (!valid()) return no_groups();
  const auto text = std::to_string(pid);
  auto written = pid > 0 ? write_file_at(track_.fd(), kProcs, text)
                         : Status(Error{EINVAL, Stage::kCgroup, text});
  for (const auto& part : parts_) {
    if (written) written = write_file_at(part.group.fd(), kProcs, text);
  }
  if (written) return written;
  return Error{written.error().code, Stage::kCgroup, text};
}

Status Cell::chown(uid_t uid, gid_t gid) {
  if (!valid() || track_.is_v1()) return Error{ENOTSUP, Stage::kCgroup, name()};
  reusable_ = false;
  const auto listed = read_brief_at(AT_FDCWD, "/sys/kernel/cgroup/delegate");  // since 4.15
  const std::string files =
      listed ? *listed : std::string("cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n");
  if (::fchownat(track_.fd(), "", uid, gid, AT_EMPTY_PATH) != 0) {
    return Error::last(Stage::kCgroup, name());
  }
  for (const auto file : split(files, '\n')) {
    const std::string path(file);
    const int failed =
        ::fchownat(track_.fd(), path.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
    if (failed != 0 && failed != ENOENT) return Error{failed, Stage::kCgroup, path};
  }
  return Done{};
}

std::string Cell::path() const {
  if (!valid()) return {};
  return fmt::format("{}/{}/{}", trees_->track().path(), parent_, name());
}

}  // namespace contained::cgroup
