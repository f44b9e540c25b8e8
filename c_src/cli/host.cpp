#include "cli/host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <tuple>

#include "base/file.hpp"
#include "base/linux.hpp"
#include "base/proc.hpp"
#include "cgroup/controllers.hpp"
#include "cgroup/ground.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/limits.hpp"
#include "cgroup/select.hpp"
#include "cgroup/text.hpp"
#include "job/namespace.hpp"
#include "process/landlock.hpp"
#include "process/trial.hpp"

namespace contained::cli {
namespace {

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string above(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool has_mark(const std::string& path, const char* attribute) {
  char value = 0;
  return ::getxattr(path.c_str(), attribute, &value, 1) == 1 && value == '1';
}

bool is_delegated(const std::string& path) {
  if (has_mark(path, "user.delegate") || has_mark(path, "trusted.delegate")) return true;
  struct stat info = {};
  return ::geteuid() != 0 && ::stat(path.c_str(), &info) == 0 && info.st_uid == ::geteuid();
}

// Refused before anything is made: no descriptor has that number.
bool has_clone_into_cgroup() {
  CloneArgs args;
  args.flags = CLONE_INTO_CGROUP;
  args.exit_signal = SIGCHLD;
  args.cgroup = INT_MAX;
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid == 0) ::_exit(0);  // of a kernel that does not look
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  return pid < 0 && errno == EBADF;
}

bool has_clone3() { return ::syscall(SYS_clone3, nullptr, 0UL) < 0 && errno == EINVAL; }

bool has_pidfd() {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0U))).valid();
}

// One that is there may turn out not to be ours to give: cpuset looks at every process below.
bool limits_by(const Host& host, std::string_view controller) {
  const auto& words = cgroup::vocabulary();
  return std::any_of(words.begin(), words.end(), [&](const cgroup::Word& word) {
    return word.controller == controller && cgroup::has(host.limits, word.key);
  });
}

void look_for_controllers(Host& host) {
  const auto base = open_at(AT_FDCWD, host.base, O_RDONLY | O_DIRECTORY);
  const auto v2 = base ? cgroup::usable_controllers(base->get()) : std::vector<std::string>();
  const auto found = cgroup::find_v1();
  const bool both = host.containment != cgroup::name(cgroup::Kind::kCgroup2);
  const auto v1 = found && both ? cgroup::usable_v1(*found, {}) : std::vector<cgroup::Trees::V1>();
  for (const char* name : {"cpu", "cpuset", "io", "memory", "pids", "hugetlb", "devices"}) {
    Host::Controller controller{name, {}, {}};
    if (cgroup::has(v2, name) && limits_by(host, name)) controller = {name, "v2", host.base};
    for (const auto& place : v1) {
      const auto old = cgroup::controller_name(name, cgroup::Version::kV1);
      if (controller.version.empty() && cgroup::has(place.controllers, old)) {
        controller = {name, "v1", place.base};
      }
    }
    host.controllers.push_back(std::move(controller));
  }
}

// A tree is made and removed again: nothing else tells for sure.
void look_for_groups(Host& host) {
  const pid_t pid = ::getpid();
  const auto stat = read_proc_stat(pid);
  const cgroup::Owner owner{pid_namespace(), pid, stat ? stat->start_time : 0};
  auto ground = cgroup::Ground::create({}, owner);
  if (!ground) return;
  host.containment = cgroup::name(ground->kind());
  host.limits = ground->limits();
  const auto& tree = ground->path();
  if (tree.empty()) host.no_groups = ground->why();
  if (!tree.empty()) host.base = above(tree);
  host.features.push_back({"cgroup.kill", is_there(tree + "/cgroup.kill")});
  host.features.push_back({"cgroup.freeze", is_there(tree + "/cgroup.freeze")});
  (void)ground->destroy();
  host.delegated = !host.base.empty() && is_delegated(host.base);
}

void look_for_calls(Host& host) {
  host.features.push_back({"pidfd_open", has_pidfd()});
  host.features.push_back({"clone3", has_clone3()});
  host.features.push_back({"clone_into_cgroup", has_clone_into_cgroup()});
  host.features.push_back({"pressure", ::access("/proc/pressure/memory", R_OK) == 0});
}

Host::Attempt attempt(std::string name, process::Namespaces namespaces) {
  const auto way = process::attempt(namespaces);
  if (!way) return {std::move(name), way.error(), false};
  return {std::move(name), std::nullopt, *way == process::Way::kByUser};
}

Host::Attempt attempt(std::string name, const Status& tried) {
  return {std::move(name), tried ? std::optional<Error>() : tried.error(), false};
}

void try_isolation(Host& host) {
  for (const auto& each : process::kNamespaceNames) {
    host.attempts.push_back(attempt(each.name, each.flag));
  }
  host.attempts.push_back(attempt("pid_isolation", process::kNewPid | process::kNewMount));
  host.attempts.push_back(attempt("seccomp", process::attempt_seccomp()));
  host.attempts.push_back(attempt("landlock", process::attempt_landlock()));
  host.landlock = process::landlock_abi();
}

void look_for_sysctls(Host& host) {
  constexpr std::pair<const char*, const char*> kForbidding[] = {
      {"kernel.unprivileged_userns_clone", "0"},
      {"kernel.apparmor_restrict_unprivileged_userns", "1"},
      {"user.max_user_namespaces", "0"}};
  for (const auto& [name, value] : kForbidding) {
    std::string path = name;
    std::replace(path.begin(), path.end(), '.', '/');
    const auto text = read_brief_at(AT_FDCWD, "/proc/sys/" + path);
    if (text && cgroup::trimmed(*text) == value) host.forbidding.emplace_back(name, value);
  }
}

// systemd ends what is in a unit where it keeps its units: v2, or a v1 hierarchy that only names.
std::string place_of_units() {
  if (const auto layout = cgroup::find_layout()) return layout->own;
  const auto v1 = cgroup::find_v1();
  if (!v1) return {};
  for (const auto& hierarchy : *v1) {
    if (hierarchy.controllers.front() == "name=systemd") return hierarchy.own;
  }
  return {};
}

// logind has a file for each user of whom `loginctl enable-linger` was said.
bool has_linger() {
  const auto* const user = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe)
  return user != nullptr && is_there(std::string("/var/lib/systemd/linger/") + user->pw_name);
}

void look_for_units(Host& host) {
  host.lingers = has_linger();
  host.systemd = cgroup::current_caller().systemd;
  if (host.systemd) std::tie(host.unit, host.unit_directory) = unit_of(place_of_units());
  for (const auto& name : job::namespaces()) {
    const auto space = job::Namespace::open(name);
    if (!space) continue;
    const auto& plot = space->plot();
    // That of a v1 hierarchy says nothing about the unit.
    const auto group = plot.hierarchy.empty() ? plot.path : std::string();
    auto unit = !host.systemd ? "" : group.empty() ? host.unit : unit_of(group).first;
    host.spaces.push_back(
        {name, plot.path, outlives_unit(group, host.unit_directory), std::move(unit)});
  }
}

}  // namespace

Host look_at_host() {
  Host host;
  utsname system = {};
  if (::uname(&system) == 0) {
    host.kernel = system.release;
    host.machine = system.machine;
  }
  host.root = ::geteuid() == 0;
  look_for_groups(host);
  look_for_controllers(host);
  look_for_calls(host);
  try_isolation(host);
  look_for_sysctls(host);
  look_for_units(host);
  return host;
}

std::pair<std::string, std::string> unit_of(std::string_view directory) {
  for (auto path = directory; !path.empty(); path = path.substr(0, path.rfind('/'))) {
    const auto name = path.substr(path.rfind('/') + 1);
    if (name.ends_with(".service") || name.ends_with(".scope")) {
      return {std::string(name), std::string(path)};
    }
    if (path.rfind('/') == std::string_view::npos) break;
  }
  return {};
}

bool outlives_unit(std::string_view group, std::string_view unit_directory) {
  if (unit_directory.empty()) return true;
  return !group.empty() && group != unit_directory &&
         !group.starts_with(std::string(unit_directory) + "/");
}

}  // namespace contained::cli
