#include "job/claim.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/file.hpp"
#include "base/proc.hpp"
#include "cgroup/tree.hpp"
#include "job/client.hpp"
#include "job/registry.hpp"

namespace contained::job {
namespace {

constexpr std::chrono::milliseconds kPatience{5000};
constexpr int kPauseMs = 5;

// Programs of ours, by the names under which they can be executed; stubs and inits have the first.
bool is_of_contained(std::string_view name) {
  constexpr std::array kLinks = {"muontrap", "dmon", "lanco"};
  return name.starts_with("contained") ||
         std::find(kLinks.begin(), kLinks.end(), name) != kLinks.end();
}

// A command of a launcher shows it by its groups, wherever in the tree of processes it is.
bool in_tree_of_ours() {
  const auto text = read_file_at(AT_FDCWD, "/proc/self/cgroup");
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  while (!rest.empty()) {
    const auto word = rest.substr(0, rest.find_first_of("/\n"));
    if (cgroup::parse_tree_name(word)) return true;
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  return false;
}

}  // namespace

Result<NameLock> claim(const Namespace& space, const std::string& name) {
  const auto until = after(kPatience);
  for (;;) {
    auto lock = NameLock::take(space.jobs(), name);
    if (lock || lock.error().code != EAGAIN) return lock;
    const auto entry = look(space, name);
    const bool runs = entry && entry->state == State::kRunning;
    if (runs) return Error{EBUSY, Stage::kOption, std::to_string(entry->job.leader.pid)};
    if (std::chrono::steady_clock::now() > until) return Error{EBUSY, Stage::kOption, {}};
    ::poll(nullptr, 0, kPauseMs);
  }
}

pid_t launcher_above() {
  for (pid_t pid = ::getppid(); pid > 0;) {
    const auto row = read_proc_row(pid);
    if (!row) break;
    if (is_of_contained(row->name)) return pid;
    pid = row->stat.ppid;
  }
  return in_tree_of_ours() ? ::getppid() : 0;
}

}  // namespace contained::job
