#include "cgroup/group.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_set>

#include "base/file.hpp"
#include "base/linux.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/walk.hpp"

namespace contained::cgroup {
namespace {

constexpr std::size_t kNameLimit = 64;

Error about(const Error& error, std::string_view name) {
  return Error{error.code, Stage::kCgroup, fmt::format("{}/{}", name, error.subject)};
}

// The number after "<key> " at the start of a line.
bool find_number(std::string_view text, std::string_view key, std::uint64_t& number) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(key) || line.substr(key.size(), 1) != " ") continue;
    const auto value = line.substr(key.size() + 1);
    const char* const end = value.data() + value.size();
    const auto parsed = std::from_chars(value.data(), end, number);
    return parsed.ec == std::errc() && parsed.ptr == end;
  }
  return false;
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

// cgroup-v2.rst, "Avoid Name Collisions": a file is "<controller>.<knob>"; v1 adds three names.
bool is_file_name(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kFiles = {"tasks", "notify_on_release",
                                                             "release_agent"};
  static constexpr std::array<std::string_view, 19> kOwners = {
      "cgroup",  "cpu",     "cpuacct",  "cpuset", "memory", "io",         "blkio",
      "pids",    "hugetlb", "rdma",     "misc",   "dmem",   "perf_event", "freezer",
      "devices", "net_cls", "net_prio", "irq",    "debug"};
  if (std::find(kFiles.begin(), kFiles.end(), name) != kFiles.end()) return true;
  const auto dot = name.find('.');
  return dot != std::string_view::npos &&
         std::find(kOwners.begin(), kOwners.end(), name.substr(0, dot)) != kOwners.end();
}

// The path of |pid| as /proc shows it is below |group|.
bool is_member(pid_t pid, std::string_view group) {
  auto text = read_file_at(AT_FDCWD, fmt::format("/proc/{}/cgroup", pid));
  if (!text) return false;
  auto path = parse_v2_path(*text);
  return path && lies_within(*path, group);
}

}  // namespace

CpuTime parse_cpu_stat(std::string_view text) {
  CpuTime time;
  if (!find_number(text, "user_usec", time.user_us)) time.user_us = 0;
  if (!find_number(text, "system_usec", time.system_us)) time.system_us = 0;
  return time;
}

Result<bool> parse_populated(std::string_view text) {
  std::uint64_t number = 0;
  if (!find_number(text, "populated", number) || number > 1) {
    return Error{EINVAL, Stage::kCgroup, kEvents};
  }
  return number == 1;
}

Result<bool> read_populated(int events_fd) {
  std::array<char, 256> text;
  const auto size = ::pread(events_fd, text.data(), text.size(), 0);
  if (size >= 0) return parse_populated({text.data(), static_cast<std::size_t>(size)});
  if (is_gone(errno)) return false;
  return Error::last(Stage::kCgroup, kEvents);
}

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameLimit && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), is_name_char) && !is_file_name(name);
}

Group::Group(int parent_fd, std::string name, UniqueFd dir)
    : parent_fd_(parent_fd), name_(std::move(name)), dir_(std::move(dir)) {}

Result<Group> Group::create(int parent_fd, std::string name) {
  if (!valid_name(name)) return Error{EINVAL, Stage::kCgroup, std::move(name)};
  if (::mkdirat(parent_fd, name.c_str(), 0755) != 0) return Error::last(Stage::kCgroup, name);
  auto group = open(parent_fd, name);
  if (!group) ::unlinkat(parent_fd, name.c_str(), AT_REMOVEDIR);
  return group;
}

Result<Group> Group::open(int parent_fd, std::string name) {
  if (!valid_name(name)) return Error{EINVAL, Stage::kCgroup, std::move(name)};
  auto dir = open_at(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, Stage::kCgroup);
  if (!dir) return dir.error();
  return Group(parent_fd, std::move(name), std::move(*dir));
}

Status Group::kill() {
  auto written = write_file_at(dir_.get(), kKill, "1");
  if (written) return written;
  const int code = written.error().code;
  // cgroup.procs is in every group: without it this one is gone. A payload that made its group
  // threaded gets EOPNOTSUPP, a kernel before 5.14 has no file.
  if (is_gone(code) && ::faccessat(dir_.get(), kProcs, F_OK, 0) != 0) return Done{};
  if (is_gone(code) || code == EOPNOTSUPP) return kill_each();
  return about(written.error(), name_);
}

Status Group::kill_each() {
  auto found = find_shown();
  if (!found) return found;
  // What is forked into a frozen group is frozen; SIGKILL acts there too (cgroup-v2.rst).
  const bool frozen = write_file_at(dir_.get(), kFreeze, "1").ok();
  std::unordered_set<pid_t> seen;
  bool any_new = true;
  for (int round = 0; any_new && round < kKillRounds; ++round) {
    any_new = false;
    for (const pid_t pid : processes()) {
      any_new = seen.insert(pid).second || any_new;
      // The pidfd first, then its membership: the pid may have been reused since it was listed.
      const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
      if (!is_member(pid, shown_)) continue;
      if (pidfd) ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0U);
      if (!pidfd) ::kill(pid, SIGKILL);
    }
  }
  if (!frozen) return Done{};
  const auto thawed = write_file_at(dir_.get(), kFreeze, "0");
  if (thawed || is_gone(thawed.error().code)) return Done{};
  return about(thawed.error(), name_);
}

Result<bool> Group::populated() const {
  auto text = read_file_at(dir_.get(), kEvents);
  if (text) return parse_populated(*text);
  if (is_gone(text.error().code)) return false;
  return about(text.error(), name_);
}

Result<UniqueFd> Group::open_events() const {
  return open_at(dir_.get(), kEvents, O_RDONLY, Stage::kCgroup);
}

std::vector<pid_t> Group::processes() const { return processes_below(dir_.get()); }

Status Group::find_shown() const {
  if (!shown_.empty()) return Done{};
  auto shown = shown_path(dir_.get());
  if (!shown) return shown.error();
  shown_ = std::move(*shown);
  return Done{};
}

bool Group::contains(pid_t pid) const { return find_shown() && is_member(pid, shown_); }

Result<CpuTime> Group::cpu_time() {
  auto text = read_brief_at(dir_.get(), kCpuStat);
  if (!text) return about(text.error(), name_);
  counted_ = parse_cpu_stat(*text);
  return CpuTime{counted_.user_us - before_.user_us, counted_.system_us - before_.system_us};
}

bool Group::renew() {
  const auto events = read_brief_at(dir_.get(), kEvents);
  std::uint64_t populated = 1;
  std::uint64_t frozen = 0;  // no such line before Linux 5.2
  if (!events || !find_number(*events, "populated", populated) || populated != 0) return false;
  if (find_number(*events, "frozen", frozen) && frozen != 0) return false;
  // A directory of kernfs has a link for each of its sub-directories beside its own two.
  struct stat info = {};
  if (::fstat(dir_.get(), &info) != 0 || info.st_nlink != 2) return false;
  before_ = counted_;
  return true;
}

Result<bool> Group::remove() {
  for (const bool may_descend : {true, false}) {
    if (::unlinkat(parent_fd_, name_.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
    const auto error = Error::last(Stage::kCgroup, name_);
    if (error.code != EBUSY && error.code != ENOTEMPTY) return error;
    if (!may_descend) break;
    auto busy = populated();
    if (!busy) return busy;
    if (*busy) return false;
    auto emptied = remove_below(dir_.get());
    if (!emptied || !*emptied) return emptied;
  }
  return false;
}

}  // namespace contained::cgroup
