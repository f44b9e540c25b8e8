// Sweeper: removes what the launchers of dead VMs have left in control groups.
#pragma once

#include <cstdint>
#include <vector>

#include "cgroup/ground.hpp"

namespace contained::engine {

class Sweeper {
 public:
  /// Looks for trees whose owner is dead; none are found where there are no groups.
  explicit Sweeper(const cgroup::Ground& ground) : stale_(ground.stale()) {}

  /// Nothing is left to do, or what is left resists (state D): kMostRounds were in vain.
  bool over() const { return stale_.empty() || rounds_ >= kMostRounds; }

  /// Kills and tries to remove, once. To be called again until over(), after a pause.
  void round();

  /// Trees removed so far.
  std::uint64_t swept() const { return swept_; }

 private:
  static constexpr int kMostRounds = 250;

  std::vector<cgroup::Stale> stale_;
  std::uint64_t swept_ = 0;
  int rounds_ = 0;
};

}  // namespace contained::engine
