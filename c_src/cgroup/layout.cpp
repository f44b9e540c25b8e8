#include "cgroup/layout.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/file.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

constexpr std::size_t kMountinfoLimit = 64U << 20;
constexpr std::string_view kDeleted = " (deleted)";

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// mountinfo writes space, tab, newline and backslash as \ooo, see proc_pid_mountinfo(5).
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digits = text.substr(i, 4);
    const bool escaped = digits.size() == 4 && digits[0] == '\\' &&
                         std::all_of(digits.begin() + 1, digits.end(), is_octal);
    if (!escaped) {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>((digits[1] - '0') * 64 + (digits[2] - '0') * 8 + digits[3] - '0');
    i += 3;
  }
  return plain;
}

bool has_option(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    if (cut(options, ',') == wanted) return true;
  }
  return false;
}

// id parent major:minor root mountpoint options [tag ...] - fstype source superoptions
bool parse_mount(std::string_view line, Mount& mount) {
  for (int field = 0; field < 3; ++field) cut(line, ' ');
  mount.root = unescape(cut(line, ' '));
  mount.mountpoint = unescape(cut(line, ' '));
  const auto options = cut(line, ' ');
  while (!line.empty() && cut(line, ' ') != "-") {
  }
  mount.fstype = cut(line, ' ');
  cut(line, ' ');
  mount.options = line;
  mount.read_only = has_option(options, "ro") || has_option(mount.options, "ro");
  return mount.mountpoint.starts_with('/') && !mount.fstype.empty();
}

// Whether |path| is |top| or below it.
bool is_below(std::string_view path, std::string_view top) {
  if (top == "/") return path.starts_with('/');
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

// |path|, which is_below() |from|, moved to below |to|.
std::string rebase(std::string_view path, std::string_view from, std::string_view to) {
  auto rest = path.substr(from == "/" ? 0 : from.size());
  if (rest == "/") rest = {};
  if (rest.empty()) return std::string(to);
  return std::string(to == "/" ? std::string_view() : to) + std::string(rest);
}

bool climbs(std::string_view path) {
  while (!path.empty()) {
    if (cut(path, '/') == "..") return true;
  }
  return false;
}

bool of_v2(const Mount& mount) { return mount.fstype == "cgroup2"; }

Result<std::vector<Mount>> read_mounts() {
  auto text = read_file_at(AT_FDCWD, "/proc/self/mountinfo", kMountinfoLimit);
  if (!text) return text.error();
  return parse_mountinfo(*text);
}

// A mount on a parent directory hides ours without a trace in its own line.
bool is_hidden(const Mount& mount) {
  struct statfs info = {};
  if (::statfs(mount.mountpoint.c_str(), &info) != 0) return true;
  return info.f_type != (of_v2(mount) ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

}  // namespace

std::vector<Mount> parse_mountinfo(std::string_view text) {
  std::vector<Mount> mounts;
  while (!text.empty()) {
    Mount mount;
    if (!parse_mount(cut(text, '\n'), mount)) continue;
    std::erase_if(mounts, [&](const Mount& m) { return m.mountpoint == mount.mountpoint; });
    if (mount.fstype == "cgroup" || of_v2(mount)) mounts.push_back(std::move(mount));
  }
  return mounts;
}

Result<std::string> parse_path(std::string_view text, std::string_view hierarchy) {
  while (!text.empty()) {
    auto line = cut(text, '\n');
    const auto id = cut(line, ':');
    const auto names = split(cut(line, ':'), ',');
    const bool found = hierarchy.empty()
                           ? id == "0" && names.empty()
                           : std::find(names.begin(), names.end(), hierarchy) != names.end();
    if (found) return std::string(line);
  }
  return Error{ENOENT, Stage::kCgroup, hierarchy.empty() ? "0::" : std::string(hierarchy)};
}

std::vector<Hierarchy> choose_v1(const std::vector<Mount>& mounts, std::string_view text) {
  std::vector<Hierarchy> found;
  for (const auto line : split(text, '\n')) {
    auto rest = line;
    cut(rest, ':');
    const auto names = split(cut(rest, ':'), ',');
    if (names.empty()) continue;
    Hierarchy hierarchy{{names.begin(), names.end()}, {}, {}};
    for (const auto& mount : mounts) {
      if (of_v2(mount) || mount.read_only || !has_option(mount.options, names.front())) continue;
      auto own = resolve(mount, rest);
      hierarchy.mountpoint = mount.mountpoint;
      if (own) hierarchy.own = *own;
      if (own) break;
    }
    if (!hierarchy.mountpoint.empty()) found.push_back(std::move(hierarchy));
  }
  return found;
}

Result<std::string> resolve(const Mount& mount, std::string_view path) {
  const Error outside{ENOENT, Stage::kCgroup, std::string(path)};
  if (!is_below(path, mount.root)) return outside;
  if (climbs(path.substr(mount.root.size()))) return outside;
  return rebase(path, mount.root, mount.mountpoint);
}

Result<std::string> shown_path(const std::vector<Mount>& mounts, std::string_view directory) {
  const Mount* nearest = nullptr;
  for (const auto& mount : mounts) {
    const bool nearer = nearest == nullptr || mount.mountpoint.size() > nearest->mountpoint.size();
    if (nearer && is_below(directory, mount.mountpoint)) nearest = &mount;
  }
  if (nearest == nullptr) return Error{ENOENT, Stage::kCgroup, std::string(directory)};
  return rebase(directory, nearest->mountpoint, nearest->root);
}

Result<std::string> shown_path(int dirfd) {
  const auto link = fmt::format("/proc/self/fd/{}", dirfd);
  std::array<char, PATH_MAX> target;
  const auto size = ::readlink(link.c_str(), target.data(), target.size());
  if (size < 0) return Error::last(Stage::kCgroup, link);
  std::string_view directory(target.data(), static_cast<std::size_t>(size));
  if (directory.ends_with(kDeleted)) directory.remove_suffix(kDeleted.size());
  auto mounts = read_mounts();
  if (!mounts) return mounts.error();
  return shown_path(*mounts, directory);
}

bool lies_within(std::string_view path, std::string_view group) {
  if (is_below(path, group)) return true;
  return path.ends_with(kDeleted) && path.substr(0, path.size() - kDeleted.size()) == group;
}

Result<std::string> shown_group(pid_t pid) {
  auto text = read_file_at(AT_FDCWD, fmt::format("/proc/{}/cgroup", pid));
  if (!text) return text.error();
  auto path = parse_path(*text, {});
  if (path && path->ends_with(kDeleted)) path->resize(path->size() - kDeleted.size());
  return path;
}

Result<Layout> choose_layout(const std::vector<Mount>& mounts, std::string_view path) {
  Error error{ENODEV, Stage::kCgroup, "cgroup2"};
  for (const auto& mount : mounts) {
    if (!of_v2(mount)) continue;
    if (mount.read_only) {
      if (error.code == ENODEV) error = {EROFS, Stage::kCgroup, mount.mountpoint};
      continue;
    }
    auto own = resolve(mount, path);
    if (own) return Layout{mount.mountpoint, *own};
    error = own.error();
  }
  return error;
}

Result<bool> is_v2(const std::string& directory) {
  struct statfs info = {};
  if (::statfs(directory.c_str(), &info) != 0) return Error::last(Stage::kCgroup, directory);
  return info.f_type == CGROUP2_SUPER_MAGIC;
}

bool lists_us(const std::string& directory) {
  auto text = read_file_at(AT_FDCWD, fmt::format("{}/{}", directory, kProcs), kMountinfoLimit);
  return text && ("\n" + *text).find(fmt::format("\n{}\n", ::getpid())) != std::string::npos;
}

Result<Outlook> look_around() {
  auto mounts = read_mounts();
  if (!mounts) return mounts.error();
  std::erase_if(*mounts, is_hidden);
  auto groups = read_file_at(AT_FDCWD, "/proc/self/cgroup");
  if (!groups) return groups.error();
  return Outlook{std::move(*mounts), std::move(*groups)};
}

Result<Layout> find_layout(const Outlook& outlook) {
  auto path = parse_path(outlook.groups, {});
  if (!path) return Error{ENODEV, Stage::kCgroup, "cgroup2"};
  auto layout = choose_layout(outlook.mounts, *path);
  if (layout || layout.error().code != ENOENT) return layout;
  for (const auto& mount : outlook.mounts) {
    if (of_v2(mount) && !mount.read_only && lists_us(mount.mountpoint)) {
      return Layout{mount.mountpoint, mount.mountpoint};
    }
  }
  return layout;
}

Result<Layout> find_layout() {
  const auto outlook = look_around();
  if (!outlook) return outlook.error();
  return find_layout(*outlook);
}

std::vector<Hierarchy> find_v1(const Outlook& outlook) {
  auto found = choose_v1(outlook.mounts, outlook.groups);
  std::erase_if(found, [](Hierarchy& hierarchy) {
    if (hierarchy.own.empty() && lists_us(hierarchy.mountpoint)) {
      hierarchy.own = hierarchy.mountpoint;
    }
    return hierarchy.own.empty();
  });
  return found;
}

Result<std::vector<Hierarchy>> find_v1() {
  const auto outlook = look_around();
  if (!outlook) return outlook.error();
  return find_v1(*outlook);
}

}  // namespace contained::cgroup
