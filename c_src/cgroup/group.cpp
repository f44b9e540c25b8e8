#include "cgroup/group.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/file.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/text.hpp"
#include "cgroup/walk.hpp"

namespace contained::cgroup {
namespace {

constexpr std::size_t kPage = 4096;  // seq_file(9) gives no more of a brief file at once

Error about(const Error& error, std::string_view name) {
  return Error{error.code, Stage::kCgroup, fmt::format("{}/{}", name, error.subject)};
}

}  // namespace

CpuTime parse_cpu_stat(std::string_view text) {
  CpuTime time;
  time.user_us = number_of(text, "user_usec").value_or(0);
  time.system_us = number_of(text, "system_usec").value_or(0);
  return time;
}

Result<bool> parse_populated(std::string_view text) {
  const auto number = number_of(text, "populated");
  if (!number || *number > 1) return Error{EINVAL, Stage::kCgroup, kEvents};
  return *number == 1;
}

Result<bool> read_populated(int events_fd) {
  std::array<char, 256> text;
  const auto size = ::pread(events_fd, text.data(), text.size(), 0);
  if (size >= 0) return parse_populated({text.data(), static_cast<std::size_t>(size)});
  if (is_gone(errno)) return false;
  return Error::last(Stage::kCgroup, kEvents);
}

Group::Group(int parent_fd, std::string name, std::string hierarchy, UniqueFd dir)
    : parent_fd_(parent_fd),
      name_(std::move(name)),
      hierarchy_(std::move(hierarchy)),
      dir_(std::move(dir)) {}

Result<Group> Group::create(int parent_fd, std::string name, std::string hierarchy) {
  if (!valid_name(name)) return Error{EINVAL, Stage::kCgroup, std::move(name)};
  if (::mkdirat(parent_fd, name.c_str(), 0755) != 0) return Error::last(Stage::kCgroup, name);
  auto group = open(parent_fd, name, std::move(hierarchy));
  if (!group) ::unlinkat(parent_fd, name.c_str(), AT_REMOVEDIR);
  return group;
}

Result<Group> Group::open(int parent_fd, std::string name, std::string hierarchy) {
  if (!valid_name(name)) return Error{EINVAL, Stage::kCgroup, std::move(name)};
  auto dir = open_at(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, Stage::kCgroup);
  if (!dir) return dir.error();
  return Group(parent_fd, std::move(name), std::move(hierarchy), std::move(*dir));
}

Result<Group> Group::at(const std::string& path, std::string hierarchy) {
  auto dir = open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, Stage::kCgroup);
  if (!dir) return dir.error();
  return Group(-1, path.substr(path.rfind('/') + 1), std::move(hierarchy), std::move(*dir));
}

void Group::renewed_at(const CpuTime& before) {
  before_ = before;
  renewed_ = true;
}

std::uint64_t Group::inode() const {
  struct stat info = {};
  return ::fstat(dir_.get(), &info) == 0 ? info.st_ino : 0;
}

Result<std::string> Group::read(const char* file) const {
  for (const auto& kept : kept_) {
    if (std::string_view(kept.name) != file) continue;
    std::array<char, kPage> text;
    const auto size = ::pread(kept.file.get(), text.data(), text.size(), 0);
    if (size < 0) return Error::last(Stage::kCgroup, file);
    return std::string(text.data(), static_cast<std::size_t>(size));
  }
  return read_brief_at(dir_.get(), file);
}

void Group::keep_open() {
  if (is_v1() || !kept_.empty()) return;
  for (const auto* file : {kCpuStat, kEvents, kControllers}) {
    auto opened = open_at(dir_.get(), file, O_RDONLY, Stage::kCgroup);
    if (opened) kept_.push_back({file, std::move(*opened)});
  }
}

Result<bool> Group::populated() const {
  if (is_v1()) return !processes().empty();
  auto text = read_file_at(dir_.get(), kEvents);
  if (text) return parse_populated(*text);
  if (is_gone(text.error().code)) return false;
  return about(text.error(), name_);
}

Result<UniqueFd> Group::open_events() const {
  if (is_v1()) return Error{ENOTSUP, Stage::kCgroup, name_};
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

bool Group::contains(pid_t pid) const {
  if (!find_shown()) return false;
  auto text = read_file_at(AT_FDCWD, fmt::format("/proc/{}/cgroup", pid));
  if (!text) return false;
  auto path = parse_path(*text, hierarchy_);
  return path && lies_within(*path, shown_);
}

Result<CpuTime> Group::cpu_time() {
  auto text = read(kCpuStat);
  if (!text) return about(text.error(), name_);
  counted_ = parse_cpu_stat(*text);
  return CpuTime{counted_.user_us - before_.user_us, counted_.system_us - before_.system_us};
}

bool Group::renew() {
  const auto events = read_brief_at(dir_.get(), kEvents);
  if (!events || number_of(*events, "populated") != 0U) return false;
  if (number_of(*events, "frozen").value_or(0) != 0) return false;  // no such line before Linux 5.2
  // A directory of kernfs has a link for each of its sub-directories beside its own two.
  struct stat info = {};
  if (::fstat(dir_.get(), &info) != 0 || info.st_nlink != 2) return false;
  renewed_at(counted_);
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
