#include "cgroup/names.hpp"

#include <algorithm>
#include <array>

#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

constexpr std::size_t kNameLimit = 64;
constexpr int kDeepest = 4;

constexpr std::array<std::string_view, 3> kFiles = {"tasks", "notify_on_release", "release_agent"};
constexpr std::array<std::string_view, 19> kOwners = {
    "cgroup",  "cpu",     "cpuacct",  "cpuset", "memory", "io",         "blkio",
    "pids",    "hugetlb", "rdma",     "misc",   "dmem",   "perf_event", "freezer",
    "devices", "net_cls", "net_prio", "irq",    "debug"};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= kNameLimit && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), is_name_char);
}

// cgroup-v2.rst, "Avoid Name Collisions": a file is "<controller>.<knob>"; v1 adds three names.
bool is_file_name(std::string_view name) {
  if (has(kFiles, name)) return true;
  const auto dot = name.find('.');
  return dot != std::string_view::npos && has(kOwners, name.substr(0, dot));
}

}  // namespace

bool valid_name(std::string_view name) { return is_plain(name) && !is_file_name(name); }

bool valid_path(std::string_view path) {
  for (int depth = 0; depth < kDeepest; ++depth) {
    const auto slash = path.find('/');
    if (!valid_name(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
  return false;
}

bool valid_file(std::string_view name) { return is_plain(name) && is_file_name(name); }

bool is_ours_alone(std::string_view file) {
  constexpr std::array<std::string_view, 9> kOurs = {
      "cgroup.procs", "cgroup.threads",        "cgroup.subtree_control",
      "cgroup.type",  "cgroup.clone_children", "freezer.state",
      "tasks",        "notify_on_release",     "release_agent"};
  return has(kOurs, file);
}

std::string_view owner_of(std::string_view name) {
  return has(kFiles, name) ? std::string_view("cgroup") : name.substr(0, name.find('.'));
}

}  // namespace contained::cgroup
