#include "process/mounts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "process/bind.hpp"
#include "process/resolve.hpp"
#include "process/status_word.hpp"

namespace contained::process {
namespace {

// ---- The parent's half

std::size_t depth(std::string_view path) {
  std::size_t names = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '/' && (i == 0 || path[i - 1] == '/')) ++names;
  }
  return names;
}

// For everybody: the ids of the program may be any.
std::string options_of(const Tmpfs& tmpfs) {
  return tmpfs.bytes ? fmt::format("mode=1777,size={}", *tmpfs.bytes) : "mode=1777";
}

void add_tmpfs(const Isolation& isolation, MountsRoom& room) {
  room.options.reserve(isolation.tmpfs.size());
  for (const auto& tmpfs : isolation.tmpfs) {
    room.options.push_back(options_of(tmpfs));
    MountStep step = {MountStep::Kind::kTmpfs};
    step.target = tmpfs.target.c_str();
    step.options = room.options.back().c_str();
    room.steps.push_back(step);
  }
}

void add_binds(const Isolation& isolation, MountsRoom& room) {
  for (const auto& bind : isolation.binds) {
    MountStep step = {MountStep::Kind::kBind};
    step.source = bind.source.c_str();
    step.target = bind.target.c_str();
    step.read_only = bind.read_only;
    room.steps.push_back(step);
  }
}

// ---- The child's

void require_mounted(bool good, const MountStep& step) noexcept {
  require_about(good, step.target, Stage::kMount);
}

// Nothing that is mounted from here on shows elsewhere, nor the other way round.
void cut_off() noexcept {
  require_about(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "/",
                Stage::kMount);
}

// Before anything is mounted over them. One that is not to be had is reported in its own name.
void open_sources(const MountsPlan& plan, bool old_calls) noexcept {
  for (std::size_t i = 0; i < plan.count; ++i) {
    auto& step = plan.steps[i];
    if (step.kind != MountStep::Kind::kBind) continue;
    step.source_fd = open_source(step, old_calls);
    require_about(step.source_fd >= 0, step.source, Stage::kMount);
  }
}

bool is_root(const MountStep& step) noexcept { return step.target[1] == '\0'; }

bool has_tmpfs_root(const MountsPlan& plan) noexcept {
  return plan.count > 0 && plan.steps[0].kind == MountStep::Kind::kTmpfs && is_root(plan.steps[0]);
}

bool mount_tmpfs(const char* where, const MountStep& step) noexcept {
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV;
  return ::mount("tmpfs", where, "tmpfs", kFlags, step.options) == 0;
}

// pivot_root(2) wants a mount point, and so does whoever makes it read-only.
int open_root(const MountsPlan& plan) noexcept {
  const char* const path = plan.root != nullptr ? plan.root : "/";
  if (has_tmpfs_root(plan)) {
    require_about(mount_tmpfs(path, plan.steps[0]), path, Stage::kMount);
  } else if (plan.root != nullptr) {
    require_about(::mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) == 0, path,
                  Stage::kMount);
  }
  const int root = ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  require_about(root >= 0, path, Stage::kMount);
  return root;
}

void note_device(int root, MountStep& step) noexcept {
  struct stat info = {};
  const int top = resolve_in(root, step.target, O_PATH);
  require_mounted(top >= 0 && ::fstat(top, &info) == 0, step);
  step.device = info.st_dev;
  ::close(top);
}

bool is_ours(dev_t device, const void* context) noexcept {
  const auto& plan = *static_cast<const MountsPlan*>(context);
  return std::any_of(plan.steps, plan.steps + plan.count, [device](const MountStep& step) {
    return step.kind == MountStep::Kind::kTmpfs && step.device == device && device != 0;
  });
}

int open_target(int root, const MountStep& step, const MountsPlan& plan) noexcept {
  struct stat source = {};
  struct stat found = {};
  source.st_mode = S_IFDIR;
  if (step.kind == MountStep::Kind::kBind)
    require_mounted(::fstat(step.source_fd, &source) == 0, step);
  const bool file = !S_ISDIR(source.st_mode);
  const int target = resolve_or_make(root, step.target, file, {is_ours, &plan});
  require_mounted(target >= 0 && ::fstat(target, &found) == 0, step);
  errno = ENOTDIR;
  require_mounted(S_ISDIR(found.st_mode) != file, step);
  return target;
}

void mount_proc(int target, const MountStep& step) noexcept {
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  require_mounted(::fchdir(target) == 0 && ::mount("proc", ".", "proc", kFlags, nullptr) == 0,
                  step);
}

void perform(int root, MountStep& step, const MountsPlan& plan, bool old_calls) noexcept {
  // Else whoever may unmount ours sees the one below it. Where that one is not ours to unmount (it
  // came with a user namespace), ours covers it.
  if (step.kind == MountStep::Kind::kProc && plan.root == nullptr) ::umount2("/proc", MNT_DETACH);
  const int target = open_target(root, step, plan);
  switch (step.kind) {
    case MountStep::Kind::kProc:
      mount_proc(target, step);
      break;
    case MountStep::Kind::kTmpfs:
      require_mounted(::fchdir(target) == 0 && mount_tmpfs(".", step), step);
      note_device(root, step);
      break;
    case MountStep::Kind::kBind:
      require_mounted(bind_mount(root, target, step, old_calls), step);
      ::close(step.source_fd);
      break;
  }
  ::close(target);
}

// The old root is then mounted upon the new one, and goes from there, pivot_root(2).
void change_root(const MountsPlan& plan, int root) noexcept {
  require_about(::fchdir(root) == 0, plan.root, Stage::kMount);
  const bool changed =
      plan.pivot ? ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0
                 : ::chroot(".") == 0;
  require_about(changed, plan.root, Stage::kMount);
}

}  // namespace

MountsPlan mounts_for(const Isolation& isolation, MountsRoom& room) {
  MountsPlan plan;
  if (isolation.has(kNewPid)) {
    room.steps.push_back({MountStep::Kind::kProc});
    room.steps.back().target = "/proc";
  }
  add_tmpfs(isolation, room);
  add_binds(isolation, room);
  std::stable_sort(room.steps.begin(), room.steps.end(), [](const auto& one, const auto& other) {
    return depth(one.target) < depth(other.target);
  });
  plan.pivot = isolation.root.has_value();
  if (isolation.root) plan.root = isolation.root->c_str();
  if (isolation.chroot) plan.root = isolation.chroot->c_str();
  plan.read_only = isolation.read_only_root;
  plan.steps = room.steps.data();
  plan.count = room.steps.size();
  return plan;
}

void build_mounts(const MountsPlan& plan) noexcept {
  const bool old_calls = plan.old_calls || mount_calls_are_refused();
  cut_off();
  open_sources(plan, old_calls);
  const int root = open_root(plan);
  const bool made = has_tmpfs_root(plan);
  if (made) note_device(root, plan.steps[0]);
  // What is mounted from here on is for writing if it says so.
  if (plan.read_only && !made) {
    require_about(make_read_only(root, true, old_calls), "/", Stage::kMount);
  }
  for (std::size_t i = made ? 1 : 0; i < plan.count; ++i) {
    perform(root, plan.steps[i], plan, old_calls);
  }
  if (plan.read_only && made) {
    require_about(make_read_only(root, false, old_calls), "/", Stage::kMount);
  }
  if (plan.root != nullptr) change_root(plan, root);
  ::close(root);
  require_about(::chdir("/") == 0, "/", Stage::kMount);
}

}  // namespace contained::process
