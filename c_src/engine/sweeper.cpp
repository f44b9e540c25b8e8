#include "engine/sweeper.hpp"

namespace contained::engine {

void Sweeper::round() {
  ++rounds_;
  swept_ += std::erase_if(stale_, [](const cgroup::Stale& tree) {
    // An error may be another sweeper's doing: tried again, as long as there are rounds left.
    const auto gone = cgroup::sweep(tree);
    return gone && *gone;
  });
}

}  // namespace contained::engine
