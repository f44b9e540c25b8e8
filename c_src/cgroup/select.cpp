#include "cgroup/select.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include "base/file.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/walk.hpp"

namespace contained::cgroup {
namespace {

constexpr int kTakeOverRounds = 64;
constexpr char kMain[] = "main";

std::string_view name_of_v1(const Hierarchy& hierarchy) { return hierarchy.controllers.front(); }

bool is_named(const Hierarchy& hierarchy) { return name_of_v1(hierarchy).starts_with("name="); }

// The v1 files are root's, or those of whom it gave them to: no one else's writes would count.
bool is_usable(const std::string& directory) {
  struct stat info = {};
  return ::faccessat(AT_FDCWD, directory.c_str(), W_OK, AT_EACCESS) == 0 &&
         (::geteuid() == 0 ||
          (::stat(directory.c_str(), &info) == 0 && info.st_uid == ::geteuid()));
}

// |base| in the hierarchy at |mountpoint|, whether given as absolute or relative to it.
std::string below(const std::string& mountpoint, std::string base) {
  while (base.size() > 1 && base.ends_with('/')) base.pop_back();
  if (base.starts_with('/')) {
    const bool inside = base.starts_with(mountpoint + "/");
    return inside && open_at(AT_FDCWD, base, O_PATH | O_DIRECTORY) ? base : std::string();
  }
  const auto top = open_at(AT_FDCWD, mountpoint, O_PATH | O_DIRECTORY);
  if (!top || !open_beneath(top->get(), base, O_PATH | O_DIRECTORY)) return {};
  return mountpoint + "/" + base;
}

Result<Tree> make_v2(const Wanted& wanted, const Owner& owner, const Result<Outlook>& outlook) {
  if (!outlook) return outlook.error();
  const auto layout = find_layout(*outlook);
  if (!layout) return layout.error();
  const auto base = choose_base(*layout, wanted.base);
  if (!base) return base.error();
  // What cannot be moved keeps the base from having controllers, which its users are told then.
  if (wanted.take_over) (void)take_over(*base);
  return Tree::create(*base, owner);
}

std::size_t best_to_track(const std::vector<Trees::V1>& v1) {
  const auto freezer = std::find_if(v1.begin(), v1.end(), [](const Trees::V1& place) {
    const auto& names = place.controllers;
    return std::find(names.begin(), names.end(), kFreezer) != names.end();
  });
  return freezer == v1.end() ? 0 : static_cast<std::size_t>(freezer - v1.begin());
}

Result<Trees> make_v1(std::vector<Trees::V1> v1, const Owner& owner) {
  if (v1.empty()) return Error{ENODEV, Stage::kCgroup, "cgroup"};
  const auto tracking = best_to_track(v1);
  auto& place = v1[tracking];
  // By its name the group knows that it can freeze.
  const auto freezer = std::find(place.controllers.begin(), place.controllers.end(), kFreezer);
  if (freezer != place.controllers.end()) std::iter_swap(place.controllers.begin(), freezer);
  auto tree = Tree::create(place.base, owner, place.controllers.front());
  if (!tree) return tree.error();
  place.tree = std::move(*tree);
  return Trees(owner, std::move(v1), tracking);
}

struct Wish {
  bool v2 = true;
  bool v1 = true;
  bool both = false;  ///< v1 as well as v2, or nothing
  bool none = true;   ///< best effort will do
};

Result<Wish> parse(const std::string& containment) {
  if (containment == "auto" || containment.empty()) return Wish{};
  if (containment == "required") return Wish{true, true, false, false};
  if (containment == name(Kind::kCgroup2)) return Wish{true, false, false, false};
  if (containment == name(Kind::kHybrid)) return Wish{true, true, true, false};
  if (containment == name(Kind::kCgroup1)) return Wish{false, true, false, false};
  if (containment == name(Kind::kBestEffort)) return Wish{false, false, false, true};
  return Error{EINVAL, Stage::kOption, containment};
}

Result<Selected> select_v2(const Wish& wish, const Wanted& wanted, const Owner& owner,
                           const Result<Outlook>& outlook, const std::vector<Hierarchy>& found) {
  const bool hybrid = wish.v1 && has_v1_controllers(found);
  if (wish.both && !hybrid) return Error{ENODEV, Stage::kCgroup, "cgroup"};
  auto tree = make_v2(wanted, owner, outlook);
  if (!tree) return tree.error();
  auto v1 = hybrid ? usable_v1(found, wanted.base) : std::vector<Trees::V1>();
  return Selected{
      hybrid ? Kind::kHybrid : Kind::kCgroup2, Trees(owner, std::move(*tree), std::move(v1)), {}};
}

Result<Selected> select_v1(const Wanted& wanted, const Owner& owner,
                           const std::vector<Hierarchy>& found) {
  auto trees = make_v1(usable_v1(found, wanted.base), owner);
  if (!trees) return trees.error();
  return Selected{Kind::kCgroup1, std::move(*trees), {}};
}

}  // namespace

std::vector<Trees::V1> usable_v1(const std::vector<Hierarchy>& found, const std::string& base) {
  std::vector<Trees::V1> usable;
  for (const auto& hierarchy : found) {
    if (is_named(hierarchy)) continue;
    auto directory = base.empty() ? std::string() : below(hierarchy.mountpoint, base);
    if (directory.empty()) directory = hierarchy.own;
    if (is_usable(directory)) usable.push_back({hierarchy.controllers, std::move(directory), {}});
  }
  return usable;
}

bool has_v1_controllers(const std::vector<Hierarchy>& found) {
  return std::any_of(found.begin(), found.end(), [](const auto& one) { return !is_named(one); });
}

Status take_over(const std::string& base) {
  const auto dir = open_at(AT_FDCWD, base, O_RDONLY | O_DIRECTORY, Stage::kCgroup);
  if (!dir) return dir.error();
  // The hierarchy's root may have both processes and controllers.
  if (::faccessat(dir->get(), kEvents, F_OK, 0) != 0) return Done{};
  if (members_of(dir->get()).empty()) return Done{};
  if (::mkdirat(dir->get(), kMain, 0755) != 0 && errno != EEXIST) {
    return Error::last(Stage::kCgroup, base);
  }
  const auto into = fmt::format("{}/{}", kMain, kProcs);
  std::unordered_set<pid_t> seen;
  for (int round = 0; round < kTakeOverRounds; ++round) {
    bool any_new = false;
    for (const pid_t pid : members_of(dir->get())) {
      struct stat info = {};
      const bool ours =
          ::stat(fmt::format("/proc/{}", pid).c_str(), &info) == 0 && info.st_uid == ::geteuid();
      if (!ours || !seen.insert(pid).second) continue;
      any_new = true;
      (void)write_file_at(dir->get(), into, std::to_string(pid));
    }
    if (!any_new) break;
  }
  if (members_of(dir->get()).empty()) return Done{};
  return Error{EBUSY, Stage::kCgroup, base};
}

Result<Selected> select(const Wanted& wanted, const Owner& owner) {
  const auto wish = parse(wanted.containment);
  if (!wish) return wish.error();
  const auto outlook = look_around();
  const auto v1 = outlook ? find_v1(*outlook) : std::vector<Hierarchy>();
  Error why{ENODEV, Stage::kCgroup, std::string(name(Kind::kBestEffort))};
  if (wish->v2) {
    auto selected = select_v2(*wish, wanted, owner, outlook, v1);
    if (selected) return selected;
    why = selected.error();
  }
  if (wish->v1 && !wish->both) {
    auto selected = select_v1(wanted, owner, v1);
    if (selected) return selected;
    // What kept us from v2 says more, unless there is no v2 at all.
    if (!wish->v2 || why.code == ENODEV) why = selected.error();
  }
  why.stage = Stage::kCgroup;
  if (!wish->none) return why;
  return Selected{Kind::kBestEffort, {}, why};
}

}  // namespace contained::cgroup
