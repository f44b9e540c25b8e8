#include "cgroup/trees.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.hpp"
#include "cgroup/controllers.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

// On by default are those of our vocabulary that cost little; hugetlb comes when it is asked for.
const std::vector<std::string> kUsual = {"cpu", "cpuset", "io", "memory", "pids"};

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

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
  if (exists(v2_.base_fd(), kEvents)) return;
  std::vector<std::string> usual;
  std::copy_if(kUsual.begin(), kUsual.end(), std::back_inserter(usual),
               [&](const auto& name) { return has(v2_controllers_, name); });
  (void)cgroup::enable(v2_.base_fd(), usual);
}

Trees::Trees(Owner owner, std::vector<V1> v1, std::size_t tracking)
    : owner_(owner), v1_(std::move(v1)), tracking_(tracking) {}

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

Result<Tree*> Trees::tree_in(const Home& home) {
  if (home.version == Version::kV2) return &v2_;
  auto& [controllers, base, tree] = v1_[home.hierarchy];
  if (tree.valid()) return &tree;
  auto made = Tree::create(base, owner_, controllers.front());
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

bool Trees::works_on_v1(const Word& word, const V1& where) const {
  if (word.v1_file.empty()) return false;
  if (word.key == "hugetlb") return true;
  const std::string file(word.v1_file);
  if (where.tree.valid()) return exists(where.tree.self().fd(), file);
  const auto base = open_at(AT_FDCWD, where.base, O_PATH | O_DIRECTORY);
  if (!base) return false;
  // The root of a hierarchy lacks files that the groups in it have: only such a one can tell.
  if (!exists(base->get(), "cgroup.sane_behavior")) return exists(base->get(), file);
  auto probe = Tree::create(where.base, owner_, where.controllers.front());
  const bool works = probe && exists(probe->self().fd(), file);
  if (probe) (void)probe->destroy();
  return works;
}

bool Trees::works(const Word& word) const {
  const auto where = home(word.controller);
  if (!where) return false;
  if (where->version == Version::kV1) return works_on_v1(word, v1_[where->hierarchy]);
  if (word.key == "hugetlb") return true;
  const bool in_tree =
      word.controller == "cgroup" || has(listed(v2_.base_fd(), kSubtreeControl), word.controller);
  const int dirfd = in_tree ? v2_.self().fd() : v2_.base_fd();
  return exists(dirfd, std::string(word.v2_file)) ||
         (word.key == "io_weight" && exists(dirfd, "io.bfq.weight"));
}

std::vector<std::string> Trees::words() const {
  std::vector<std::string> keys;
  for (const auto& word : vocabulary()) {
    if (works(word)) keys.emplace_back(word.key);
  }
  return keys;
}

Status fill_cpuset(int dirfd) {
  for (const std::string file : {"cpuset.cpus", "cpuset.mems"}) {
    const auto own = read_brief_at(dirfd, file);
    if (!own) return own.error();
    if (!trimmed(*own).empty()) continue;
    const auto above = read_brief_at(dirfd, "../" + file);
    if (!above) return above.error();
    const auto written = write_file_at(dirfd, file, trimmed(*above));
    if (!written) return written;
  }
  return Done{};
}

}  // namespace contained::cgroup
