#include "cgroup/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <memory>

#include "base/file.hpp"
#include "base/linux.hpp"
#include "base/proc.hpp"
#include "cgroup/knobs.hpp"

namespace contained::cgroup {
namespace {

constexpr std::string_view kPrefix = "contained-";

template <class Number>
const char* parse_number(const char* at, const char* end, Number& number) {
  const auto parsed = std::from_chars(at, end, number);
  return parsed.ec == std::errc() ? parsed.ptr : end;
}

Result<UniqueFd> open_base(const std::string& base) {
  return open_at(AT_FDCWD, base, O_RDONLY | O_DIRECTORY, Stage::kCgroup);
}

// Of itself rmdir(2) takes only what is empty: the usual end needs no look at what is there.
bool is_gone_or_goes(int dirfd, const std::string& name) {
  return ::unlinkat(dirfd, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
}

Result<bool> sweep_once(int base_fd, const std::string& name, const std::string& hierarchy) {
  auto group = Group::open(base_fd, name, hierarchy);
  if (!group && is_gone(group.error().code)) return true;
  if (!group) return group.error();
  const auto killed = group->kill();
  if (!killed) return killed.error();
  return group->remove();
}

// A zombie is dead only when its last thread is: until then its pidfd is not readable.
bool is_zombie_dead(pid_t pid) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
  if (!pidfd) return false;
  pollfd poll{pidfd.get(), POLLIN, 0};
  return ::poll(&poll, 1, 0) == 1;
}

bool is_dead(const Owner& owner) {
  const auto stat = read_proc_stat(owner.pid);
  if (!stat) {
    // A /proc mounted with hidepid= hides processes that signals still find.
    return ::kill(owner.pid, 0) != 0 && errno == ESRCH;
  }
  if (stat->start_time != owner.start_time) return true;
  return stat->state == 'Z' && is_zombie_dead(owner.pid);
}

// Whether /proc shows our own pid namespace: else its pids are not the ones in the names.
bool is_proc_ours() {
  std::array<char, 32> target;
  const auto size = ::readlink("/proc/self", target.data(), target.size());
  return size > 0 && std::string_view(target.data(), static_cast<std::size_t>(size)) ==
                         fmt::format_int(::getpid()).c_str();
}

bool is_stale(int base_fd, const char* name, std::uint64_t our_namespace) {
  const auto owner = parse_tree_name(name);
  if (!owner || owner->pid_namespace != our_namespace) return false;
  struct stat info = {};
  const bool ours = ::fstatat(base_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISDIR(info.st_mode) && info.st_uid == ::geteuid();
  return ours && is_dead(*owner);
}

}  // namespace

std::string tree_name(const Owner& owner) {
  return fmt::format("{}{}-{}-{}", kPrefix, owner.pid_namespace, owner.pid, owner.start_time);
}

std::optional<Owner> parse_tree_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  Owner owner;
  const char* const end = name.data() + name.size();
  const char* at = parse_number(name.data() + kPrefix.size(), end, owner.pid_namespace);
  if (at != end) at = parse_number(at + 1, end, owner.pid);
  if (at != end) parse_number(at + 1, end, owner.start_time);
  // One text per owner: signs, leading zeros, other separators and tails end here.
  if (owner.pid <= 0 || tree_name(owner) != name) return std::nullopt;
  return owner;
}

Result<Tree> Tree::create(const std::string& base, const Owner& owner,
                          const std::string& hierarchy) {
  auto dir = open_base(base);
  if (!dir) return dir.error();
  auto self = Group::create(dir->get(), tree_name(owner), hierarchy);
  if (!self) return self.error();
  Tree tree;
  tree.path_ = fmt::format("{}/{}", base == "/" ? "" : base, self->name());
  tree.base_ = std::move(*dir);
  tree.self_ = std::move(*self);
  return tree;
}

Result<Group> Tree::make_group(const std::string& group, const std::string& name) {
  auto made = try_make(group, name);
  if (made || !is_gone(made.error().code)) return made;
  const auto restored = restore();
  if (!restored) return restored.error();
  return try_make(group, name);
}

Result<const Group*> Tree::parent(const std::string& group) {
  auto found = try_parent(group);
  // What is kept may have been removed by an outsider.
  const bool there = found && ::faccessat((*found)->fd(), kProcs, F_OK, 0) == 0;
  if (there || (!found && !is_gone(found.error().code))) return found;
  const auto restored = restore();
  if (!restored) return restored.error();
  return try_parent(group);
}

Status Tree::discard(const std::string& group, const std::string& name) {
  const Error busy{EBUSY, Stage::kCgroup, name};
  const auto above = try_parent(group);
  if (!above) return above.error();
  auto old = Group::open((*above)->fd(), name, self_.hierarchy());
  if (!old && is_gone(old.error().code)) return Done{};
  if (!old) return old.error();
  if (parents_.contains(group + "/" + name)) return busy;
  const auto frozen = old->frozen();
  if (frozen && *frozen) return busy;
  const auto removed = old->remove();
  if (!removed) return removed.error();
  if (!*removed) return busy;
  return Done{};
}

const Group* Tree::find(const std::string& group) const {
  const auto found = parents_.find(group);
  return found == parents_.end() ? nullptr : &found->second;
}

Group* Tree::find(const std::string& group) {
  const auto found = parents_.find(group);
  return found == parents_.end() ? nullptr : &found->second;
}

Result<bool> Tree::drop(const std::string& group) {
  auto* const parent = find(group);
  if (parent == nullptr) return true;
  auto gone = parent->remove();
  if (!gone || !*gone) return gone;
  std::erase_if(parents_, [&](const auto& entry) {
    return entry.first == group || entry.first.starts_with(group + "/");
  });
  return true;
}

void Tree::forget(const std::string& group) {
  const auto found = parents_.find(group);
  if (found == parents_.end()) return;
  struct stat info = {};
  const bool leaf = ::fstat(found->second.fd(), &info) == 0 && info.st_nlink == 2;
  if (!leaf) return;
  const auto removed = found->second.remove();
  if (removed && *removed) parents_.erase(found);
}

Result<Group> Tree::try_make(const std::string& group, const std::string& name) {
  const auto above = try_parent(group);
  if (!above) return above.error();
  return Group::create((*above)->fd(), name, self_.hierarchy());
}

Result<const Group*> Tree::try_parent(const std::string& group) {
  const auto found = parents_.find(group);
  if (found != parents_.end()) return &found->second;
  const auto slash = group.rfind('/');
  int above = self_.fd();
  if (slash != std::string::npos) {
    auto upper = try_parent(group.substr(0, slash));
    if (!upper) return upper;
    above = (*upper)->fd();
  }
  auto made = make_parent(group, above, group.substr(slash + 1));
  if (!made) return made.error();
  return &parents_.emplace(group, std::move(*made)).first->second;
}

// One that exists and was not ours before is a command's.
Result<Group> Tree::make_parent(const std::string& group, int above, const std::string& name) {
  auto made = Group::create(above, name, self_.hierarchy());
  if (made || made.error().code != EEXIST) return made;
  for (const auto& [old, kept] : retired_) {
    if (old == group) return Group::open(above, name, self_.hierarchy());
  }
  return Error{EBUSY, Stage::kCgroup, name};
}

Status Tree::restore() {
  for (auto& [group, parent] : parents_) retired_.emplace_back(group, std::move(parent));
  parents_.clear();
  const auto& name = self_.name();
  auto self = Group::create(base_.get(), name, self_.hierarchy());
  if (!self && self.error().code == EEXIST) {
    self = Group::open(base_.get(), name, self_.hierarchy());
  }
  if (!self) return self.error();
  self_ = std::move(*self);
  return Done{};
}

bool Tree::fold() {
  for (const auto& [group, parent] : parents_) (void)is_gone_or_goes(self_.fd(), group);
  return is_gone_or_goes(base_.get(), self_.name());
}

Result<bool> Tree::destroy() {
  // By name, as a sweeper would: guardian and worker both hold the tree, and either may have made
  // it again.
  return sweep_once(base_.get(), self_.name(), self_.hierarchy());
}

std::vector<std::string> stale_trees(const std::string& base) {
  std::vector<std::string> names;
  const auto our_namespace = pid_namespace();
  const auto dir = open_base(base);
  if (!dir || our_namespace == 0 || !is_proc_ours()) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(base.c_str()), ::closedir);
  if (!list) return names;
  while (const dirent* entry = ::readdir(list.get())) {
    if (is_stale(dir->get(), entry->d_name, our_namespace)) names.emplace_back(entry->d_name);
  }
  return names;
}

Result<bool> sweep(const std::string& base, const std::string& name, const std::string& hierarchy) {
  if (!parse_tree_name(name)) return Error{EINVAL, Stage::kCgroup, name};
  const auto dir = open_base(base);
  if (!dir) return dir.error();
  if (is_gone_or_goes(dir->get(), name)) return true;
  return sweep_once(dir->get(), name, hierarchy);
}

}  // namespace contained::cgroup
