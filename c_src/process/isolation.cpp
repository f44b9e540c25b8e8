#include "process/isolation.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace contained::process {
namespace {

// Also for the kernel, which ends a path at a NUL.
bool is_path(const std::string& path) {
  return path.starts_with('/') && path.find('\0') == std::string::npos;
}

// A place beneath the root, by its names alone: their number is its depth.
bool is_target(const std::string& path) {
  if (!is_path(path) || path.find_first_not_of('/') == std::string::npos) return false;
  const auto closed = path + '/';
  return closed.find("/./") == std::string::npos && closed.find("/../") == std::string::npos;
}

bool is_hostname(const std::string& name) { return name.size() <= HOST_NAME_MAX && !name.empty(); }

bool needs_mount(const Isolation& asked) {
  return asked.new_root() || !asked.binds.empty() || !asked.tmpfs.empty() || asked.read_only_root;
}

bool good_root(const Isolation& asked) {
  if (asked.root && asked.chroot) return false;
  return (!asked.root || is_path(*asked.root)) && (!asked.chroot || is_path(*asked.chroot));
}

bool good_binds(const Isolation& asked) {
  return std::all_of(asked.binds.begin(), asked.binds.end(), [](const Bind& bind) {
    return is_path(bind.source) && is_target(bind.target);
  });
}

// As the whole root only in the place of another one.
bool good_tmpfs(const Isolation& asked) {
  return std::all_of(asked.tmpfs.begin(), asked.tmpfs.end(), [&](const Tmpfs& tmpfs) {
    return is_target(tmpfs.target) || (asked.new_root() && tmpfs.target == "/");
  });
}

std::string_view bad_part(const Isolation& asked) {
  if (asked.own_init && !asked.has(kNewPid)) return "pid_init";
  if (asked.hostname && (!asked.has(kNewUts) || !is_hostname(*asked.hostname))) return "hostname";
  if (!asked.time_offsets.empty() && !asked.has(kNewTime)) return "time_offsets";
  if (asked.netns && (asked.has(kNewNet) || !is_path(*asked.netns))) return "network";
  if (needs_mount(asked) && !asked.has(kNewMount)) return "namespaces";
  if (!good_root(asked)) return "root";
  if (!good_binds(asked)) return "binds";
  if (!good_tmpfs(asked)) return "tmpfs";
  if (!asked.uid_map.empty() && !asked.has(kNewUser)) return "uid_map";
  if (!asked.gid_map.empty() && !asked.has(kNewUser)) return "gid_map";
  return {};
}

}  // namespace

bool may_make_namespaces() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> caps = {};
  if (::syscall(SYS_capget, &header, caps.data()) < 0) return false;
  return (caps[0].effective & (1U << CAP_SYS_ADMIN)) != 0;
}

Status check(const Isolation& isolation) {
  const auto bad = bad_part(isolation);
  if (!bad.empty()) return Error{EINVAL, Stage::kOption, std::string(bad)};
  return Done{};
}

}  // namespace contained::process
