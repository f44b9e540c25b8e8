#include "cgroup/ground.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/file.hpp"
#include "cgroup/crowd.hpp"
#include "cgroup/held.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/places.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

using Names = std::vector<std::string>;

// Where there are no groups, what is asked of them is refused; or counted as ignored.
Status refuse(const Request& request, Names& ignored) {
  Names asked;
  for (const auto* limits : {&request.limits, &request.group_limits}) {
    for (const auto& limit : *limits) {
      const auto understood = settings_of(limit, Version::kV2);
      if (!understood) return understood.error();
      asked.push_back(limit.key);
    }
  }
  for (const auto& setting : request.settings) asked.push_back(setting.file);
  if (asked.empty()) return Done{};
  if (!request.ignore_unsupported) return Error{ENOTSUP, Stage::kLimit, asked.front()};
  ignored = std::move(asked);
  return Done{};
}

}  // namespace

std::string_view name(Kind kind) {
  static constexpr std::array<std::string_view, 4> kNames = {"best_effort", "cgroup1", "hybrid",
                                                             "cgroup2"};
  return kNames[static_cast<std::size_t>(kind)];
}

Ground::Ground(std::unique_ptr<Held> held) : held_(std::move(held)) {}
Ground::Ground(Ground&& other) noexcept = default;
Ground& Ground::operator=(Ground&& other) noexcept = default;
Ground::~Ground() = default;

Result<Ground> Ground::create(const Wanted& wanted, const Owner& owner) {
  auto selected = select(wanted, owner);
  if (!selected) return selected.error();
  return Ground(std::make_unique<Held>(std::move(*selected)));
}

Kind Ground::kind() const { return held_->kind; }
const Error& Ground::why() const { return held_->why; }

const std::string& Ground::path() const {
  static const std::string kNone;
  return held_->trees.valid() ? held_->trees.track().path() : kNone;
}

Names Ground::limits() const { return held_->trees.valid() ? held_->trees.words() : Names(); }

Result<Cell> Ground::make(const Request& request) {
  Cell cell;
  if (!held_->trees.valid()) {
    const auto refused = refuse(request, cell.not_applied_);
    if (!refused) return refused.error();
    return cell;
  }
  if (!valid_path(request.group)) return Error{EINVAL, Stage::kCgroup, request.group};
  cell.trees_ = &held_->trees;
  const auto& trees = held_->trees;
  if (!trees.has_v2()) cell.track_controllers_ = trees.v1()[trees.tracking()].controllers;
  cell.parent_ = request.group;
  cell.keep_ = request.keep;
  cell.kills_ = held_->kills;
  auto done = take_group(cell, request);
  if (done) done = limit(cell, request);
  if (done) {
    cell.hold_ = held_->hold(request.group);
    return cell;
  }
  give_up(cell);
  return done.error();
}

Status Ground::take_group(Cell& cell, const Request& request) {
  cell.named_ = !request.name.empty();
  const bool limited = !request.limits.empty() || !request.group_limits.empty() ||
                       !request.settings.empty() || !held_->controllers_of(request.group).empty();
  cell.reusable_ = !limited && !cell.named_ && !cell.keep_;
  if (cell.named_) {
    auto taken = take_named(cell, request);
    if (!taken) return taken;
  } else {
    const bool spare = cell.reusable_ && !request.fresh;
    auto group = spare ? held_->spares->take(request.group) : held_->spares->make(request.group);
    if (!group) return group.error();
    cell.track_ = std::move(*group);
  }
  if (!cell.track_.is_v1()) return Done{};
  auto procs = open_at(cell.track_.fd(), kProcs, O_WRONLY, Stage::kCgroup);
  if (!procs) return procs.error();
  cell.track_procs_ = std::move(*procs);
  return Done{};
}

Status Ground::take_named(Cell& cell, const Request& request) {
  auto& tree = held_->trees.track();
  const auto key = request.group + "/" + request.name;
  cell.named_ = false;  // until it is ours: giving up must not release another's name
  if (held_->named.contains(key)) return Error{EBUSY, Stage::kCgroup, request.name};
  auto group = tree.make_group(request.group, request.name);
  if (!group && group.error().code == EEXIST) {
    auto discarded = tree.discard(request.group, request.name);
    if (!discarded) return discarded;
    group = tree.make_group(request.group, request.name);
  }
  if (!group) return group.error();
  cell.track_ = std::move(*group);
  cell.named_ = held_->named.insert(key).second;
  return Done{};
}

Status Ground::limit(Cell& cell, const Request& request) {
  auto* const ignored = request.ignore_unsupported ? &cell.not_applied_ : nullptr;
  auto done = limit_group(cell, request);
  if (!done || cell.reusable_) return done;
  CellPlace place(cell);
  for (const auto& controller : held_->controllers_of(request.group)) {
    // Who is to be held by the parent's limits must be below it in that hierarchy.
    const auto inside = place.directory(controller);
    if (!inside) return Error{inside.error().code, Stage::kLimit, controller};
  }
  done = apply(place, request.limits, ignored);
  return done ? apply(place, request.settings, ignored) : done;
}

Status Ground::limit_group(Cell& cell, const Request& request) {
  const auto& limits = request.group_limits;
  auto& in_force = held_->group_limits[request.group];
  if (limits.empty() || in_force == limits) return Done{};
  in_force.clear();
  auto* const ignored = request.ignore_unsupported ? &cell.not_applied_ : nullptr;
  GroupPlace place(held_->trees, request.group);
  auto applied = apply(place, limits, ignored);
  if (!applied) return applied;
  held_->note_controllers(request.group, limits, cell.not_applied_);
  // What was ignored is reported by every command that asks for it.
  if (cell.not_applied_.empty()) in_force = limits;
  return Done{};
}

// Nothing is left of what could not be made.
void Ground::give_up(Cell& cell) {
  auto gone = remove(cell);
  const auto& group = cell.parent_;
  if (held_->group_controllers.contains(group) || held_->made.contains(group)) return;
  held_->group_limits.erase(group);
  for (auto& [controllers, base, tree] : held_->trees.v1()) {
    if (tree.valid()) tree.forget(group);
  }
  held_->trees.track().forget(group);
}

Result<bool> Ground::remove(Cell& cell) {
  if (cell.valid()) {
    const auto counts = cell.local_counts();
    auto gone = cell.track_.remove();
    for (auto& part : cell.parts_) {
      if (gone && *gone) gone = part.group.remove();
    }
    if (!gone || !*gone) return gone;
    if (cell.hold_) held_->add_past(cell.parent_, counts);
  }
  if (cell.named_) held_->named.erase(cell.parent_ + "/" + cell.name());
  auto parent = std::move(cell.parent_);
  cell = Cell();
  cell.parent_ = std::move(parent);
  return true;
}

Result<bool> Ground::give_back(Cell& cell) {
  if (!cell.valid()) return true;
  const bool whole = !cell.altered_ && cell.kills_ == held_->kills;
  if (cell.reusable_ && whole && cell.parts_.empty()) {
    auto taken = held_->spares->give_back(cell.parent_, cell.track_);
    if (taken && *taken) cell = Cell();
    return taken;
  }
  if (!cell.keep_) return remove(cell);
  const auto busy = cell.populated();
  if (!busy) return busy.error();
  if (*busy) return false;
  if (cell.named_) held_->named.erase(cell.parent_ + "/" + cell.name());
  cell = Cell();
  return true;
}

void Ground::clear_spares() {
  if (held_->spares) held_->spares->clear();
}

Result<Crowd> Ground::crowd(const std::string& group) {
  if (!held_->trees.valid()) return Error{ENOTSUP, Stage::kCgroup, "best_effort"};
  if (!valid_path(group)) return Error{EINVAL, Stage::kCgroup, group};
  return Crowd(*held_, group);
}

bool Ground::contains(pid_t pid) const {
  if (!held_->trees.valid()) return false;
  if (held_->trees.track().contains(pid)) return true;
  const auto& v1 = held_->trees.v1();
  return std::any_of(v1.begin(), v1.end(), [pid](const Trees::V1& place) {
    return place.tree.valid() && place.tree.contains(pid);
  });
}

// By name: guardian and worker hold the same ground, and the trees of v1 are made by the worker
// alone.
Result<bool> Ground::destroy() {
  if (!held_->trees.valid()) return true;
  auto& trees = held_->trees;
  held_->spares->clear();
  auto gone = trees.track().fold() ? Result<bool>(true) : trees.track().destroy();
  const auto tree = tree_name(trees.owner());
  for (std::size_t i = 0; i < trees.v1().size(); ++i) {
    if (!trees.may_be_in(i)) continue;
    const auto& place = trees.v1()[i];
    const auto swept = cgroup::sweep(place.base, tree, place.controllers.front());
    if (!swept || !*swept) gone = swept;
  }
  return gone;
}

std::vector<Stale> Ground::stale() const {
  std::vector<Stale> found;
  if (!held_->trees.valid()) return found;
  const auto add = [&](const std::string& base, const std::string& hierarchy) {
    for (auto& tree : stale_trees(base)) found.push_back({base, std::move(tree), hierarchy});
  };
  if (held_->trees.has_v2()) add(held_->trees.base(), {});
  for (const auto& [controllers, base, made] : held_->trees.v1()) add(base, controllers.front());
  return found;
}

Result<bool> sweep(const Stale& stale) { return sweep(stale.base, stale.name, stale.hierarchy); }

}  // namespace contained::cgroup
