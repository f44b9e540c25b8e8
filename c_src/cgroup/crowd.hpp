// Crowd: a parent group as a thing of its own, over all hierarchies: who is in the groups below it,
// what they use together, and what they may.
//
// Asked for by Ground::crowd(), a view of little cost; the ground must outlive it. Of a group that
// is not there ENOENT is told, and nobody is in it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "cgroup/ground.hpp"
#include "cgroup/group.hpp"
#include "cgroup/limits.hpp"
#include "cgroup/stats.hpp"

namespace contained::cgroup {

class Crowd {
 public:
  /// What has happened since the group was made, in it and below; never less than before.
  struct Events {
    std::uint64_t oom_kills = 0;
    std::uint64_t memory_max = 0;  ///< an allocation met the limit of memory
    std::uint64_t pids_max = 0;    ///< a fork was refused by the limit of pids
    bool operator==(const Events&) const = default;
  };

  const std::string& name() const { return group_; }

  /// Makes the group that tracks. It stays until remove(), also when it is empty.
  Status make();
  bool exists() const;

  /// Absolute directory of the group that tracks.
  std::string path() const;

  /// Where its groups are, the tracking one first; none when it is not there.
  std::vector<Address> addresses() const;

  /// Directory descriptors of its groups, the tracking one first.
  std::vector<int> directories() const;

  /// The members, of all groups below it: sorted, each once.
  std::vector<pid_t> processes() const;
  Result<bool> populated() const;

  /// As of a cell (see Cell::stats()), all of them together.
  Result<Stats> stats() const;
  Events events() const;

  /// Its own group of memory on v1, if it has one, and with |below| those below it, each with its
  /// inode number, which is its name among all. None on v2, where memory.events tells.
  struct MemoryGroup {
    std::uint64_t inode = 0;
    UniqueFd directory;
  };
  std::vector<MemoryGroup> memory_groups(bool below) const;

  /// All of them. See Cell::freeze().
  Status freeze();
  Status thaw();
  Result<bool> frozen() const;

  /// Applies them in order; those before one that fails stay. In v1 hierarchies that it has not
  /// been in, its processes are moved into the group itself, where their cells do not stand.
  Status set_limits(const std::vector<Limit>& limits);
  Result<std::vector<Limit>> limits() const;

  /// See Cell::get() and Cell::set().
  Result<std::string> get(std::string_view file) const;
  Status set(std::string_view file, std::string_view value);

  /// Moves |pid| into a leaf of its own, kMigrated: where controllers are on, no process may be in
  /// a group that has others below it (cgroup-v2.rst, "No Internal Process Constraint"). Its
  /// children stay where they are. ESRCH: no such process.
  Status migrate(pid_t pid);
  static constexpr char kMigrated[] = "_migrated";

  /// SIGKILL to all that is in it, one round: call again until !populated(). Thaws it.
  Status kill();

  /// One round of the end: kill(), and what is empty is removed. False while it is populated, or a
  /// cell in it has not been given back: call again.
  Result<bool> remove();

  /// The same, or of kill() alone: true when nobody is left.
  Result<bool> remove_or_kill(bool remove_too);

 private:
  friend class Ground;
  struct Place {
    Version version = Version::kV2;
    std::size_t hierarchy = 0;  ///< on v1: index into Trees::v1()
    Group* group = nullptr;
  };

  Crowd(Ground::Held& held, std::string group) : held_(&held), group_(std::move(group)) {}

  Group* track() const;
  std::vector<Place> places() const;
  const Group* group_of(std::string_view controller) const;
  Error missing() const;
  std::vector<Limit> in_force(const std::vector<Limit>& limits) const;
  Status pull_in(const Group& part) const;
  Result<bool> drop();
  std::uint64_t counted(std::string_view controller, std::string_view name) const;

  Ground::Held* held_;
  std::string group_;
};

}  // namespace contained::cgroup
