// Ground: all that one launcher has in control groups. One tree by which commands are tracked and
// killed (v2 where there is any that we may write to), and on v1 more trees for limits, made only
// when a limit needs them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cgroup/cell.hpp"
#include "cgroup/limits.hpp"
#include "cgroup/tree.hpp"

namespace contained::cgroup {

enum class Kind : std::uint8_t {
  kBestEffort,  ///< no groups
  kCgroup1,     ///< v1 alone: the freezer tracks
  kHybrid,      ///< v2 tracks and kills; limits where their controller is
  kCgroup2      ///< v2 alone
};
std::string_view name(Kind kind);  ///< "best_effort", "cgroup1", "hybrid", "cgroup2"

struct Wanted {
  std::string base;                  ///< see choose_base(); on v1, relative to each mountpoint
  std::string containment = "auto";  ///< auto, required, or the name() of a kind
  bool take_over = false;            ///< move our user's processes from the base into <base>/main
};

struct Request {
  std::string group = "default";  ///< a valid_path(): the parent
  std::string name;               ///< a valid_name(); empty: numbered
  std::vector<Limit> limits;
  std::vector<Limit> group_limits;  ///< for the parent; they stay
  std::vector<Setting> settings;    ///< raw, for the command's own group, after limits
  bool ignore_unsupported = false;
  bool keep = false;   ///< the directory stays after the command, until the launcher ends
  bool fresh = false;  ///< not a spare one: for whoever could not start in one
};

/// A tree that a dead launcher has left.
struct Stale {
  std::string base;
  std::string name;
  std::string hierarchy;  ///< see Group
};

class Crowd;
class Trees;

class Ground {
 public:
  /// Finds the best kind there is, or the wanted one. "auto" always succeeds. Else the error says
  /// why not: stage kCgroup, or kOption for an unknown word.
  static Result<Ground> create(const Wanted& wanted, const Owner& owner);

  Ground(Ground&& other) noexcept;
  Ground& operator=(Ground&& other) noexcept;
  ~Ground();

  Kind kind() const;
  const Error& why() const;         ///< of best_effort: what kept us from better
  const std::string& path() const;  ///< absolute, of the tracking tree; empty without

  /// The keys of the vocabulary that work here: controller there and ours to use, file present.
  std::vector<std::string> limits() const;

  /// The groups for one command, limits applied, nobody in it. On an error nothing is left of it.
  /// EBUSY: a group of that name holds processes, is frozen or is a parent. Limits: stage kLimit,
  /// subject the key (the file for settings): EINVAL, ENOTSUP, ERANGE (clamped), or the kernel's.
  Result<Cell> make(const Request& request);

  /// The end of a command: the cell becomes a spare one, or is removed in every hierarchy, or is
  /// kept. True when that is done; false while it is populated: kill() and try again.
  Result<bool> give_back(Cell& cell);

  /// Spare groups may no longer be good (somebody has killed or altered ours): removes them.
  void clear_spares();

  /// The parent |group|, a valid_path(), which need not be there. ENOTSUP without groups.
  Result<Crowd> crowd(const std::string& group);

  bool contains(pid_t pid) const;

  /// One round of the end: kills everything, tries to remove every tree. True when all are gone.
  Result<bool> destroy();

  /// What dead launchers of our user and pid namespace have left, in every hierarchy.
  std::vector<Stale> stale() const;

 private:
  friend class Crowd;
  struct Held;
  explicit Ground(std::unique_ptr<Held> held);

  Status take_group(Cell& cell, const Request& request);
  Status take_named(Cell& cell, const Request& request);
  Status limit(Cell& cell, const Request& request);
  Status limit_group(Cell& cell, const Request& request);
  Result<bool> remove(Cell& cell);
  void give_up(Cell& cell);

  std::unique_ptr<Held> held_;
};

/// One round of kill and remove. True when it is gone.
Result<bool> sweep(const Stale& stale);

}  // namespace contained::cgroup
