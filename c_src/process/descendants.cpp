#include "process/descendants.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/file.hpp"
#include "base/proc.hpp"

namespace contained::process {
namespace {

using Pids = std::vector<pid_t>;

// Numbers between anything else: the words of a `children` file, or one name of /proc.
void add_numbers(std::string_view text, Pids& pids) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    if (parsed.ec == std::errc{} && pid > 0) pids.push_back(pid);
    at = parsed.ptr == at ? at + 1 : parsed.ptr;
  }
}

Pids numbered_entries(const std::string& path) {
  Pids numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return numbers;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') add_numbers(entry->d_name, numbers);
  }
  return numbers;
}

// A thread's children are listed with the thread.
Pids listed_children(pid_t pid) {
  Pids children;
  const auto tasks = fmt::format("/proc/{}/task", pid);
  for (const pid_t task : numbered_entries(tasks)) {
    const auto text = read_file_at(AT_FDCWD, fmt::format("{}/{}/children", tasks, task));
    if (text) add_numbers(*text, children);
  }
  return children;
}

using ChildrenOf = std::function<Pids(pid_t)>;

using Visit = std::function<void(const Relative&)>;

// One that loses its parent while we look can turn up twice.
void visit_below(pid_t root, const ChildrenOf& children_of, const Visit& visit) {
  Pids to_ask = {root};
  std::unordered_set<pid_t> known = {root};
  for (std::size_t next = 0; next < to_ask.size(); ++next) {
    const pid_t parent = to_ask[next];
    for (const pid_t child : children_of(parent)) {
      if (!known.insert(child).second) continue;
      visit({child, parent});
      to_ask.push_back(child);
    }
  }
}

void visit_by_walk(pid_t root, const Visit& visit) {
  std::unordered_map<pid_t, Pids> children;
  for (const pid_t pid : numbered_entries("/proc")) {
    if (const auto stat = read_proc_stat(pid)) children[stat->ppid].push_back(pid);
  }
  const auto children_of = [&](pid_t parent) {
    const auto listed = children.find(parent);
    return listed == children.end() ? Pids{} : listed->second;
  };
  visit_below(root, children_of, visit);
}

}  // namespace

std::vector<Relative> descendants_by_walk(pid_t root) {
  std::vector<Relative> found;
  visit_by_walk(root, [&](const Relative& relative) { found.push_back(relative); });
  return found;
}

void visit_descendants(pid_t root, const Visit& visit) {
  const bool listed = ::access("/proc/thread-self/children", R_OK) == 0;
  listed ? visit_below(root, listed_children, visit) : visit_by_walk(root, visit);
}

std::vector<Relative> descendants_of(pid_t root) {
  std::vector<Relative> found;
  visit_descendants(root, [&](const Relative& relative) { found.push_back(relative); });
  return found;
}

bool is_alive(pid_t pid) {
  const auto stat = read_proc_stat(pid);
  if (!stat || stat->state == 'X') return false;
  return stat->state != 'Z' || numbered_entries(fmt::format("/proc/{}/task", pid)).size() > 1;
}

}  // namespace contained::process
