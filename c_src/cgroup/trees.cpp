#include "cgroup/trees.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

#include "base/file.hpp"
#include "cgroup/controllers.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

// Those of our vocabulary that cost little; hugetlb comes when it is asked for.
const std::vector<std::string> kUsual = {"cpu", "cpuset", "io", "memory", "pids"};

bool exists(int dirfd, const std::string& file) {
  return ::faccessat(dirfd, file.c_str(), F_OK, 0) == 0;
}

}  // namespace

Trees::Trees(Owner owner, Tree v2, std::vector<V1> v1)
    : owner_(owner),
      v2_(std::move(v2)),
      v2_controllers_(usable_controllers(v2_.base_fd())),
      v1_(std::move(v1)) {
  // Which files a controller has is seen in a group that has it. Of any other base that is the base
  // itself; the root has none, and belongs to nobody where we may build in it.
  const bool is_root = !exists(v2_.base_fd(), kEvents);
  // Enabling cpuset looks at every process below: one that is not ours to schedule forbids it.
  try_out(is_root ? kUsual : std::vector<std::string>{"cpuset"});
}

// Enables those of |names| that can be; the others are not usable after all.
void Trees::try_out(const std::vector<std::string>& names) {
  std::vector<std::string> wanted;
  std::copy_if(names.begin(), names.end(), std::back_inserter(wanted),
               [&](const auto& name) { return has(v2_controllers_, name); });
  if (cgroup::enable(v2_.base_fd(), wanted)) return;
  const auto enabled = listed(v2_.base_fd(), kSubtreeControl);
  std::erase_if(v2_controllers_,
                [&](const auto& name) { return has(wanted, name) && !has(enabled, name); });
}

Trees::Trees(Owner owner, std::vector<V1> v1, std::size_t tracking)
    : owner_(owner), v1_(std::move(v1)), tracking_(tracking) {
  made_.set(tracking);
}

bool Trees::valid() const {
  return has_v2() || (tracking_ < v1_.size() && v1_[tracking_].tree.valid());
}

std::string Trees::base() const {
  const auto slash = v2_.path().rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : v2_.path().substr(0, slash);
}

std::optional<Home> Trees::home(std::string_view controller) const {
  const bool in_v2 = has_v2() && (controller == "cgroup" || has(v2_controllers_, controller));
  if (in_v2) return Home{};
  for (std::size_t i = 0; i < v1_.size(); ++i) {
    if (has(v1_[i].controllers, controller_name(controller, Version::kV1))) {
      return Home{Version::kV1, i};
    }
  }
  return std::nullopt;
}

// The mark comes first: who is killed in between is better looked for in vain.
Result<Tree> Trees::make_in(std::size_t hierarchy) const {
  made_.set(hierarchy);
  return Tree::create(v1_[hierarchy].base, owner_, v1_[hierarchy].controllers.front());
}

Result<Tree*> Trees::tree_in(const Home& home) {
  if (home.version == Version::kV2) return &v2_;
  auto& [controllers, base, tree] = v1_[home.hierarchy];
  if (tree.valid()) return &tree;
  auto made = make_in(home.hierarchy);
  if (!made) return made.error();
  tree = std::move(*made);
  if (has(controllers, "cpuset")) {
    const auto filled = fill_cpuset(tree.self().fd());
    if (!filled) return filled.error();
  }
  return &tree;
}

Status Trees::enable(const std::string& group, const std::vector<std::string>& controllers,
                     bool for_itself) {
  auto enabled = cgroup::enable(v2_.base_fd(), controllers);
  if (enabled) enabled = cgroup::enable(v2_.self().fd(), controllers);
  for (std::size_t end = group.find('/'); enabled; end = group.find('/', end + 1)) {
    const bool last = end == std::string::npos;
    if (last && for_itself) break;
    const auto parent = v2_.parent(group.substr(0, end));
    if (!parent) return parent.error();
    enabled = cgroup::enable((*parent)->fd(), controllers);
    if (last) break;
  }
  return enabled;
}

bool Trees::works_on_v1(const Word& word, std::size_t hierarchy, Tree& probe) const {
  const auto& where = v1_[hierarchy];
  if (word.v1_file.empty()) return false;
  if (word.key == "hugetlb") return true;
  const std::string file(word.v1_file);
  if (where.tree.valid()) return exists(where.tree.self().fd(), file);
  const auto base = open_at(AT_FDCWD, where.base, O_PATH | O_DIRECTORY);
  if (!base) return false;
  // The root of a hierarchy lacks files that the groups in it have: only such a one can tell.
  if (!exists(base->get(), "cgroup.sane_behavior")) return exists(base->get(), file);
  if (!probe.valid()) {
    auto made = make_in(hierarchy);
    if (!made) return false;
    probe = std::move(*made);
  }
  return exists(probe.self().fd(), file);
}

bool Trees::works_on_v2(const Word& word) const {
  if (word.key == "hugetlb") return true;
  const bool in_tree =
      word.controller == "cgroup" || has(listed(v2_.base_fd(), kSubtreeControl), word.controller);
  const int dirfd = in_tree ? v2_.self().fd() : v2_.base_fd();
  return exists(dirfd, std::string(word.v2_file)) ||
         (word.key == "io_weight" && exists(dirfd, "io.bfq.weight"));
}

std::vector<std::string> Trees::words() const {
  std::vector<std::string> keys;
  std::vector<Tree> probes(v1_.size());
  for (const auto& word : vocabulary()) {
    const auto where = home(word.controller);
    const bool works =
        where && (where->version == Version::kV2
                      ? works_on_v2(word)
                      : works_on_v1(word, where->hierarchy, probes[where->hierarchy]));
    if (works) keys.emplace_back(word.key);
  }
  for (auto& probe : probes) {
    if (probe.valid()) (void)probe.destroy();
  }
  return keys;
}

Status fill_cpuset(int dirfd) {
  for (const std::string file : {"cpuset.cpus", "cpuset.mems"}) {
    const auto own = read_brief_at(dirfd, file);
    if (!own) return own.error();
    if (!trimmed(*own).empty()) continue;
    const auto above = read_brief_at(dirfd, std::string("../").append(file));
    if (!above) return above.error();
    auto written = write_file_at(dirfd, file, trimmed(*above));
    if (!written) return written;
  }
  return Done{};
}

}  // namespace contained::cgroup
