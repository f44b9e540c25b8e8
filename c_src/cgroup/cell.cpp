#include "cgroup/cell.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <unordered_set>

#include "base/file.hpp"
#include "cgroup/apply.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/places.hpp"
#include "cgroup/text.hpp"
#include "cgroup/trees.hpp"

namespace contained::cgroup {
namespace {

constexpr int kPullRounds = 64;

}  // namespace

std::vector<int> Cell::procs_fds() const {
  std::vector<int> fds;
  if (track_procs_) fds.push_back(track_procs_.get());
  for (const auto& part : parts_) fds.push_back(part.procs.get());
  return fds;
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

std::vector<Address> Cell::addresses() {
  if (!valid()) return {};
  reusable_ = false;
  std::vector<Address> all;
  all.push_back({track_.is_v1() ? track_controllers_ : controllers_, path(), track_.inode(), {}});
  if (track_.renewed()) all.front().before = track_.before();
  for (const auto& part : parts_) {
    const auto& tree = trees_->v1()[part.hierarchy].tree;
    all.push_back({part.controllers,
                   fmt::format("{}/{}/{}", tree.path(), parent_, name()),
                   part.group.inode(),
                   {}});
  }
  return all;
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

Result<std::string> Cell::shown() const {
  if (!valid() || track_.is_v1()) return Error{ENOTSUP, Stage::kCgroup, "shown"};
  return shown_path(track_.fd());
}

std::string Cell::path() const {
  if (!valid()) return {};
  return fmt::format("{}/{}/{}", trees_->track().path(), parent_, name());
}

}  // namespace contained::cgroup
