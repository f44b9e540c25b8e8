#include "cli/controllers.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "base/file.hpp"
#include "cgroup/controllers.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/limits.hpp"

namespace contained::cli {
namespace {

std::set<std::string> controllers_here() {
  std::set<std::string> all;
  if (const auto layout = cgroup::find_layout()) {
    const auto root = open_at(AT_FDCWD, layout->mountpoint, O_PATH | O_DIRECTORY);
    const auto names =
        root ? cgroup::listed(root->get(), "cgroup.controllers") : std::vector<std::string>();
    all.insert(names.begin(), names.end());
  }
  if (const auto hierarchies = cgroup::find_v1()) {
    for (const auto& hierarchy : *hierarchies) {
      all.insert(hierarchy.controllers.begin(), hierarchy.controllers.end());
    }
  }
  return all;
}

// As v2 and as v1 name it.
bool is_of(std::string_view controller, std::string_view name) {
  return name == controller || name == cgroup::controller_name(controller, cgroup::Version::kV1);
}

bool is_limited(const protocol::Placement& placement, const std::string& name) {
  const auto limits = [&name](const auto& limit) {
    const auto* const word = cgroup::find_word(limit.key);
    return word != nullptr && is_of(word->controller, name);
  };
  const auto sets = [&name](const auto& setting) { return is_of(setting.controller, name); };
  return std::any_of(placement.limits.begin(), placement.limits.end(), limits) ||
         std::any_of(placement.settings.begin(), placement.settings.end(), sets);
}

}  // namespace

void apply_controllers(CommandOptions& options) {
  if (options.controllers.empty()) return;
  constexpr std::string_view kUnlimited[] = {"memory", "cpu", "pids"};
  const auto here = controllers_here();
  auto& placement = options.start.placement;
  for (const auto& name : options.controllers) {
    if (here.count(name) == 0) {
      std::string known;
      for (const auto& one : here) known.append(" ").append(one);
      throw CLI::ValidationError(
          "--controller", fmt::format("{}: no such controller here, there are{}", name, known));
    }
    const bool may =
        std::find(std::begin(kUnlimited), std::end(kUnlimited), name) != std::end(kUnlimited);
    if (may && !is_limited(placement, name)) placement.limits.push_back({name, "max"});
  }
}

}  // namespace contained::cli
