#include "cgroup/crowd.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include "base/file.hpp"
#include "cgroup/held.hpp"
#include "cgroup/in_force.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/places.hpp"

namespace contained::cgroup {
namespace {

constexpr int kMostPulls = 64;

}  // namespace

Group* Crowd::track() const { return held_->trees.track().find(group_); }

Error Crowd::missing() const { return {ENOENT, Stage::kCgroup, group_}; }

std::vector<Crowd::Place> Crowd::places() const {
  std::vector<Place> places;
  auto& trees = held_->trees;
  auto* const tracking = track();
  if (tracking == nullptr) return places;
  const auto version = trees.has_v2() ? Version::kV2 : Version::kV1;
  places.push_back({version, trees.tracking(), tracking});
  for (std::size_t i = 0; i < trees.v1().size(); ++i) {
    if (trees.tracks({Version::kV1, i})) continue;
    auto* const group = trees.v1()[i].tree.find(group_);
    if (group != nullptr) places.push_back({Version::kV1, i, group});
  }
  return places;
}

const Group* Crowd::group_of(std::string_view controller) const {
  const auto home = held_->trees.home(controller);
  if (!home) return nullptr;
  if (held_->trees.tracks(*home)) return track();
  return held_->trees.v1()[home->hierarchy].tree.find(group_);
}

Status Crowd::make() {
  const auto made = held_->trees.track().parent(group_);
  if (!made) return made.error();
  held_->made.insert(group_);
  return Done{};
}

bool Crowd::exists() const { return track() != nullptr; }

std::string Crowd::path() const {
  return fmt::format("{}/{}", held_->trees.track().path(), group_);
}

std::vector<Address> Crowd::addresses() const {
  std::vector<Address> all;
  for (const auto& place : places()) {
    Address address;
    address.inode = place.group->inode();
    if (place.version == Version::kV2) {
      address.controllers = held_->controllers_of(group_);
      address.path = path();
    } else {
      const auto& where = held_->trees.v1()[place.hierarchy];
      address.controllers = where.controllers;
      address.path = fmt::format("{}/{}", where.tree.path(), group_);
    }
    all.push_back(std::move(address));
  }
  return all;
}

std::vector<int> Crowd::directories() const {
  std::vector<int> fds;
  for (const auto& place : places()) fds.push_back(place.group->fd());
  return fds;
}

std::vector<pid_t> Crowd::processes() const {
  std::vector<pid_t> pids;
  for (const auto& place : places()) {
    const auto here = place.group->processes();
    pids.insert(pids.end(), here.begin(), here.end());
  }
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

Result<bool> Crowd::populated() const {
  for (const auto& place : places()) {
    auto busy = place.group->populated();
    if (!busy || *busy) return busy;
  }
  return false;
}

Status Crowd::freeze() {
  auto* const group = track();
  return group == nullptr ? Status(missing()) : group->freeze(true);
}

Status Crowd::thaw() {
  auto* const group = track();
  return group == nullptr ? Status(missing()) : group->freeze(false);
}

Result<bool> Crowd::frozen() const {
  const auto* const group = track();
  return group == nullptr ? Result<bool>(missing()) : group->frozen();
}

Status Crowd::set_limits(const std::vector<Limit>& limits) {
  auto made = make();
  if (!made) return made;
  GroupPlace place(held_->trees, group_);
  auto applied = apply(place, limits, nullptr);
  held_->note_controllers(group_, applied ? limits : in_force(limits), {});
  held_->group_limits.erase(group_);
  for (const auto& part : places()) {
    if (part.group == track()) continue;
    const auto pulled = pull_in(*part.group);
    if (applied && !pulled) applied = pulled;
  }
  return applied;
}

// Those whose controller limits the group in some way: after an error, those before it may.
std::vector<Limit> Crowd::in_force(const std::vector<Limit>& limits) const {
  std::vector<Limit> found;
  for (const auto& limit : limits) {
    const auto* const word = find_word(limit.key);
    const auto home = word == nullptr ? std::nullopt : held_->trees.home(word->controller);
    const auto* const group = home ? group_of(word->controller) : nullptr;
    if (group == nullptr) continue;
    const auto now = limits_in_force(group->fd(), word->controller, home->version);
    if (!now.empty()) found.push_back(limit);
  }
  return found;
}

// What is forked meanwhile by one that is not yet in is found in the next round. A cell's own group
// there is below this one.
Status Crowd::pull_in(const Group& part) const {
  std::unordered_set<pid_t> seen;
  for (int round = 0; round < kMostPulls; ++round) {
    bool any_new = false;
    for (const pid_t pid : track()->processes()) {
      if (!seen.insert(pid).second || part.contains(pid)) continue;
      any_new = true;
      const auto written = write_file_at(part.fd(), kProcs, std::to_string(pid));
      if (written || written.error().code == ESRCH) continue;
      return Error{written.error().code, Stage::kCgroup, path()};
    }
    if (!any_new) return Done{};
  }
  return Error{EBUSY, Stage::kCgroup, path()};
}

Result<std::string> Crowd::get(std::string_view file) const {
  const std::string name(file);
  if (!valid_file(file)) return Error{EINVAL, Stage::kCgroup, name};
  if (!exists()) return missing();
  for (const int dirfd : directories()) {
    auto text = read_file_at(dirfd, name);
    if (text) return text;
    if (text.error().code != ENOENT) return Error{text.error().code, Stage::kCgroup, name};
  }
  return Error{ENOTSUP, Stage::kCgroup, name};
}

Status Crowd::set(std::string_view file, std::string_view value) {
  const std::string name(file);
  if (!valid_file(file)) return Error{EINVAL, Stage::kCgroup, name};
  if (is_ours_alone(file)) return Error{EPERM, Stage::kCgroup, name};
  if (!exists()) return missing();
  for (const int dirfd : directories()) {
    auto written = write_file_at(dirfd, name, value);
    if (written) return written;
    if (written.error().code != ENOENT) return Error{written.error().code, Stage::kCgroup, name};
  }
  return Error{ENOTSUP, Stage::kCgroup, name};
}

Status Crowd::migrate(pid_t pid) {
  const auto text = std::to_string(pid);
  if (pid <= 0) return Error{EINVAL, Stage::kCgroup, text};
  if (!exists()) return missing();
  for (const auto& place : places()) {
    // On v1 the group may have processes of its own.
    auto leaf = Group();
    if (place.version == Version::kV2) {
      auto made = Group::create(place.group->fd(), kMigrated);
      if (!made && made.error().code == EEXIST) made = Group::open(place.group->fd(), kMigrated);
      if (!made) return made.error();
      leaf = std::move(*made);
    }
    const int dirfd = leaf.valid() ? leaf.fd() : place.group->fd();
    const auto written = write_file_at(dirfd, kProcs, text);
    if (!written) return Error{written.error().code, Stage::kCgroup, text};
  }
  return Done{};
}

Status Crowd::kill() {
  auto* const group = track();
  if (group == nullptr) return Done{};
  ++held_->kills;
  held_->spares->clear(group_);
  auto killed = group->kill();
  const auto busy = group->populated();
  if (!killed || (busy && *busy)) return killed;
  // Who has left the group that tracks, but not these, is ours all the same.
  for (const auto& place : places()) {
    if (place.group == group) continue;
    auto status = place.group->kill_each();
    if (!status) return status;
  }
  return Done{};
}

Result<bool> Crowd::remove() {
  if (!exists()) return true;
  const auto killed = kill();
  if (!killed) return killed.error();
  auto busy = populated();
  if (!busy) return busy;
  if (*busy || held_->in_use(group_)) return false;
  return drop();
}

Result<bool> Crowd::remove_or_kill(bool remove_too) {
  if (remove_too) return remove();
  const auto killed = kill();
  if (!killed) return killed.error();
  auto busy = populated();
  if (!busy) return busy;
  return !*busy;
}

Result<bool> Crowd::drop() {
  for (auto& [controllers, base, tree] : held_->trees.v1()) {
    if (!tree.valid() || &tree == &held_->trees.track()) continue;
    auto gone = tree.drop(group_);
    if (!gone || !*gone) return gone;
  }
  auto gone = held_->trees.track().drop(group_);
  if (gone && *gone) held_->forget(group_);
  return gone;
}

}  // namespace contained::cgroup
