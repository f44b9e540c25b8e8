#include "cgroup/spares.hpp"

#include <cerrno>
#include <iterator>
#include <utility>

namespace contained::cgroup {

Result<Group> Spares::take(const std::string& parent) {
  const auto found = spares_.find(parent);
  if (found == spares_.end() || found->second.empty()) return make(parent);
  auto group = std::move(found->second.back());
  found->second.pop_back();
  return group;
}

Result<Group> Spares::make(const std::string& parent) {
  for (;;) {
    auto made = tree_.make_group(parent, std::to_string(next_name_++));
    // A caller may have called a group of his own by a number.
    if (made || made.error().code != EEXIST) return made;
  }
}

void Spares::clear() {
  for (auto& [parent, groups] : spares_) {
    for (auto& group : groups) (void)group.remove();
  }
  spares_.clear();
}

void Spares::clear(const std::string& group) {
  for (auto at = spares_.begin(); at != spares_.end();) {
    const bool inside = at->first == group || at->first.starts_with(group + "/");
    for (auto& spare : at->second) {
      if (inside) (void)spare.remove();
    }
    at = inside ? spares_.erase(at) : std::next(at);
  }
}

Result<bool> Spares::give_back(const std::string& parent, Group& group) {
  auto& spares = spares_[parent];
  if (spares.size() >= kMost || !group.renew()) {
    auto removed = group.remove();
    if (removed && *removed) group = {};
    return removed;
  }
  spares.push_back(std::exchange(group, {}));
  return true;
}

}  // namespace contained::cgroup
