#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/layout.hpp"

namespace contained::cgroup {
namespace {

bool has_file(int dirfd, const char* path) { return ::faccessat(dirfd, path, F_OK, 0) == 0; }

Status check_writable(int dirfd, const std::string& path) {
  // Moving a process in also needs cgroup.procs of the common ancestor, and a base is one of the
  // places its users come from (cgroup-v2.rst, "Delegation Containment").
  for (const char* file : {".", kProcs}) {
    if (::faccessat(dirfd, file, W_OK, AT_EACCESS) != 0) return Error::last(Stage::kCgroup, path);
  }
  return Done{};
}

bool is_marked(const std::string& path, const char* attribute) {
  char value = 0;
  return ::getxattr(path.c_str(), attribute, &value, 1) == 1 && value == '1';
}

// systemd.exec(5) sets user.delegate since 251, trusted.delegate (which only root sees) since 236.
bool is_delegated(int dirfd, const std::string& path, const Caller& caller) {
  if (is_marked(path, "user.delegate") || is_marked(path, "trusted.delegate")) return true;
  if (caller.uid == 0 && caller.systemd) return false;
  struct stat info = {};
  return ::fstat(dirfd, &info) == 0 && info.st_uid == caller.uid;
}

bool may_hold_groups(int dirfd, const Caller& caller) {
  // Only the root may have processes beside controllers, and only it has no cgroup.events.
  const bool is_root = !has_file(dirfd, kEvents) && has_file(dirfd, kProcs);
  if (is_root) return caller.uid == 0 && !caller.systemd;
  const auto members = read_file_at(dirfd, kProcs, 64U << 20);
  return members && members->empty();
}

bool is_base(const std::string& path, const Caller& caller) {
  const auto dir = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, Stage::kCgroup);
  return dir && check_writable(dir->get(), path) && is_delegated(dir->get(), path, caller) &&
         may_hold_groups(dir->get(), caller);
}

// Opens |path| and checks that it is a directory of a v2 hierarchy that we may build in.
Result<std::string> checked(const std::string& path, std::string_view wanted) {
  const auto dir = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, Stage::kCgroup);
  if (!dir) return Error{dir.error().code, Stage::kCgroup, std::string(wanted)};
  struct statfs info = {};
  if (::fstatfs(dir->get(), &info) != 0) return Error::last(Stage::kCgroup, wanted);
  if (info.f_type != CGROUP2_SUPER_MAGIC) return Error{ENODEV, Stage::kCgroup, std::string(wanted)};
  const auto writable = check_writable(dir->get(), std::string(wanted));
  if (!writable) return writable.error();
  return path;
}

Result<std::string> choose_wanted(const Layout& layout, std::string_view wanted) {
  if (wanted.find('\0') != std::string_view::npos) {
    return Error{EINVAL, Stage::kCgroup, std::string(wanted)};
  }
  auto name = wanted;
  while (name.size() > 1 && name.ends_with('/')) name.remove_suffix(1);
  if (name.starts_with('/')) return checked(std::string(name), wanted);
  const auto top = open_at(AT_FDCWD, layout.mountpoint, O_PATH | O_DIRECTORY, Stage::kCgroup);
  if (!top) return top.error();
  const auto dir = open_beneath(top->get(), std::string(name), O_PATH, Stage::kCgroup);
  if (!dir) return dir.error();
  return checked(layout.mountpoint + "/" + std::string(name), wanted);
}

}  // namespace

Caller current_caller() { return {::geteuid(), has_file(AT_FDCWD, "/run/systemd/system")}; }

Result<std::string> choose_base(const Layout& layout, std::string_view wanted,
                                const Caller& caller) {
  if (!wanted.empty()) return choose_wanted(layout, wanted);
  for (auto path = layout.own; path.size() >= layout.mountpoint.size();
       path.resize(path.rfind('/'))) {
    if (is_base(path, caller)) return path;
  }
  const auto own = open_at(AT_FDCWD, layout.own, O_RDONLY | O_DIRECTORY, Stage::kCgroup);
  if (!own) return own.error();
  const auto writable = check_writable(own->get(), layout.own);
  if (!writable) return Error{EACCES, Stage::kCgroup, layout.own};
  return layout.own;
}

}  // namespace contained::cgroup
