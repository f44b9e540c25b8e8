#include "cgroup/walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

#include "base/file.hpp"
#include "cgroup/knobs.hpp"

namespace contained::cgroup {
namespace {

constexpr std::size_t kListLimit = 64U << 20;
constexpr int kSubgroupFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

std::vector<pid_t> parse_pids(std::string_view text) {
  std::vector<pid_t> pids;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    if (parsed.ec == std::errc() && pid > 0) pids.push_back(pid);
    at = std::find(parsed.ptr, end, '\n');
    if (at < end) ++at;
  }
  return pids;
}

// The process that the thread |tid| belongs to; 0 when it is gone.
pid_t process_of(pid_t tid) {
  constexpr std::string_view kField = "\nTgid:\t";
  const auto status = read_file_at(AT_FDCWD, fmt::format("/proc/{}/status", tid));
  const auto at = status ? status->find(kField) : std::string::npos;
  pid_t pid = 0;
  if (at == std::string::npos) return pid;
  const char* begin = status->data() + at + kField.size();
  std::from_chars(begin, status->data() + status->size(), pid);
  return pid;
}

void visit_below(int dirfd, int depth, const std::function<void(int)>& visit) {
  if (depth == 0) return;
  for (const auto& name : subgroups_of(dirfd)) {
    const auto child = open_at(dirfd, name, kSubgroupFlags);
    if (!child) continue;
    visit(child->get());
    visit_below(child->get(), depth - 1, visit);
  }
}

}  // namespace

std::vector<std::string> subgroups_of(int dirfd) {
  std::vector<std::string> names;
  struct stat info = {};
  // cgroupfs counts sub-directories in the link count: a leaf need not be read.
  if (::fstat(dirfd, &info) != 0 || info.st_nlink == 2) return names;
  auto fd = open_at(dirfd, ".", O_RDONLY | O_DIRECTORY);
  if (!fd) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(fd->get()), ::closedir);
  if (!dir) return names;
  fd->release();
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name(entry->d_name);
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

std::vector<pid_t> members_of(int dirfd) {
  auto procs = read_file_at(dirfd, kProcs, kListLimit);
  if (procs) return parse_pids(*procs);
  if (procs.error().code != EOPNOTSUPP) return {};
  // cgroup-v2.rst, "Threads": in a threaded group cgroup.procs cannot be read.
  auto threads = read_file_at(dirfd, kThreads, kListLimit);
  if (!threads) return {};
  auto pids = parse_pids(*threads);
  std::transform(pids.begin(), pids.end(), pids.begin(), process_of);
  std::erase(pids, 0);
  return pids;
}

void for_each_below(int dirfd, const std::function<void(int)>& visit) {
  visit_below(dirfd, kListedDepth, visit);
}

std::vector<pid_t> processes_below(int dirfd) {
  auto pids = members_of(dirfd);
  for_each_below(dirfd, [&](int child) {
    const auto here = members_of(child);
    pids.insert(pids.end(), here.begin(), here.end());
  });
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

Result<bool> remove_below(int dirfd) {
  // Per level what is still to remove; the last name of the level above is where we are.
  std::vector<std::vector<std::string>> levels = {subgroups_of(dirfd)};
  auto at = open_at(dirfd, ".", kSubgroupFlags, Stage::kCgroup);
  int budget = kRemovedAtOnce;
  while (at) {
    if (!levels.back().empty()) {
      at = open_at(at->get(), levels.back().back(), kSubgroupFlags, Stage::kCgroup);
      if (at) levels.push_back(subgroups_of(at->get()));
      continue;
    }
    levels.pop_back();
    if (levels.empty()) return true;
    if (budget-- == 0) return false;
    at = open_at(at->get(), "..", kSubgroupFlags, Stage::kCgroup);
    if (!at) break;
    const auto name = std::move(levels.back().back());
    levels.back().pop_back();
    const int failed = ::unlinkat(at->get(), name.c_str(), AT_REMOVEDIR) == 0 ? 0 : errno;
    if (failed == EBUSY || failed == ENOTEMPTY) return false;
    if (failed != 0 && failed != ENOENT) return Error{failed, Stage::kCgroup, name};
  }
  // Somebody else removed a group under our feet: whoever asked tries again.
  if (at.error().code == ENOENT || at.error().code == ENODEV) return false;
  return at.error();
}

}  // namespace contained::cgroup
