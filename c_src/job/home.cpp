#include "job/home.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/file.hpp"

namespace contained::job {
namespace {

constexpr char kSystemRuntime[] = "/run/contained";
constexpr char kSystemLogs[] = "/var/log/contained";

std::string variable(const char* name) {
  const char* const value = ::getenv(name);
  return value == nullptr ? "" : value;
}

struct CloseDir {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

bool is_root() { return ::geteuid() == 0; }

// A keeper works elsewhere, and who asks for a job may be anywhere.
Result<std::string> absolute(std::string path, const char* variable) {
  if (!path.starts_with('/')) return Error{EINVAL, Stage::kFile, variable};
  return path;
}

// XDG Base Directory Specification: a path that is relative is to be ignored.
Result<std::string> user_runtime() {
  const auto given = variable("XDG_RUNTIME_DIR");
  if (!given.starts_with('/')) return fmt::format("/tmp/contained-{}", ::geteuid());
  struct stat info = {};
  if (::stat(given.c_str(), &info) < 0) return Error::last(Stage::kFile, given);
  if (info.st_uid != ::geteuid()) return Error{EPERM, Stage::kFile, given};
  return given + "/contained";
}

std::string home_directory() {
  auto given = variable("HOME");
  if (given.starts_with('/')) return given;
  const auto* const entry = ::getpwuid(::geteuid());
  return entry == nullptr || entry->pw_dir == nullptr ? "" : entry->pw_dir;
}

Status check_directory(int fd, const std::string& path) {
  struct stat info = {};
  if (::fstat(fd, &info) < 0) return Error::last(Stage::kFile, path);
  const bool ours = info.st_uid == ::geteuid() || info.st_uid == 0;
  const bool closed = (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (!ours || !closed) return Error{EPERM, Stage::kFile, path};
  return Done{};
}

}  // namespace

Result<std::string> runtime_home() {
  const auto given = variable("CONTAINED_RUNTIME_DIR");
  if (!given.empty()) return absolute(given, "CONTAINED_RUNTIME_DIR");
  return is_root() ? Result<std::string>(kSystemRuntime) : user_runtime();
}

std::vector<std::string> runtime_homes() {
  const auto own = runtime_home();
  const bool given = !variable("CONTAINED_RUNTIME_DIR").empty();
  std::vector<std::string> homes;
  if (!given && !is_root()) homes.emplace_back(kSystemRuntime);
  if (own) homes.push_back(*own);
  return homes;
}

Result<std::string> log_home() {
  const auto given = variable("CONTAINED_LOG_DIR");
  if (!given.empty()) return absolute(given, "CONTAINED_LOG_DIR");
  if (is_root()) return std::string(kSystemLogs);
  const auto state = variable("XDG_STATE_HOME");
  if (state.starts_with('/')) return state + "/contained";
  const auto home = home_directory();
  if (home.empty()) return Error{ENOENT, Stage::kFile, "CONTAINED_LOG_DIR"};
  return home + "/.local/state/contained";
}

Result<UniqueFd> open_trusted(int dirfd, const std::string& path) {
  auto directory = open_at(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return directory;
  const auto checked = check_directory(directory->get(), path);
  if (!checked) return checked.error();
  return directory;
}

Result<Made> make_trusted(int dirfd, const std::string& path, mode_t mode) {
  const bool fresh = ::mkdirat(dirfd, path.c_str(), mode) == 0;
  if (!fresh && errno != EEXIST) return Error::last(Stage::kFile, path);
  auto directory = open_trusted(dirfd, path);
  if (!directory) return directory.error();
  if (fresh && ::fchmod(directory->get(), mode) < 0) return Error::last(Stage::kFile, path);
  return Made{std::move(*directory), fresh};
}

std::vector<std::string> names_in(int dirfd, const std::string& path,
                                  bool (*wanted)(std::string_view)) {
  std::vector<std::string> names;
  auto opened = open_at(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!opened) return names;
  const std::unique_ptr<DIR, CloseDir> directory(::fdopendir(opened->get()));
  if (!directory) return names;
  opened->release();
  while (const auto* entry = ::readdir(directory.get())) {
    if (wanted(entry->d_name)) names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<UniqueFd> make_all(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1)) {
    const auto parent = path.substr(0, slash);
    const int made = ::mkdir(parent.c_str(), is_root() ? 0755 : 0700);
    if (made < 0 && errno != EEXIST) return Error::last(Stage::kFile, parent);
  }
  auto last = make_trusted(AT_FDCWD, path, is_root() ? 0755 : 0700);
  if (!last) return last.error();
  return std::move(last->fd);
}

}  // namespace contained::job
