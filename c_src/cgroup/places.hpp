// The two places that limits are written to: a command's own groups, and its parent's.
#pragma once

#include <string>
#include <string_view>

#include "cgroup/apply.hpp"
#include "cgroup/cell.hpp"
#include "cgroup/trees.hpp"

namespace contained::cgroup {

/// The parent |group| in the hierarchy |home|, made when needed, open for members (cpuset).
Result<const Group*> parent_in(Trees& trees, const Home& home, const std::string& group);

class GroupPlace : public Place {
 public:
  GroupPlace(Trees& trees, std::string group) : trees_(trees), group_(std::move(group)) {}
  std::optional<Version> version(std::string_view controller) const override;
  Result<int> directory(std::string_view controller) override;

 private:
  Trees& trees_;
  std::string group_;
};

class CellPlace : public Place {
 public:
  explicit CellPlace(Cell& cell) : cell_(cell) {}
  std::optional<Version> version(std::string_view controller) const override;
  Result<int> directory(std::string_view controller) override;

 private:
  Result<int> part_in(const Home& home);

  Cell& cell_;
};

}  // namespace contained::cgroup
