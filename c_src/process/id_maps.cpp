#include "process/id_maps.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <iterator>

#include "base/file.hpp"
#include "process/close_fds.hpp"
#include "process/status_word.hpp"

namespace contained::process {
namespace {

constexpr const char* kUidMap = "uid_map";
constexpr const char* kGidMap = "gid_map";

std::vector<IdMap> single(std::optional<std::uint32_t> wanted, std::uint32_t ours,
                          bool privileged) {
  const auto inside = wanted.value_or(ours);
  return {{inside, privileged ? inside : ours, 1}};
}

// What the kernel lets an unprivileged process do by itself.
bool is_own_id(const std::vector<IdMap>& maps, std::uint32_t ours) {
  return maps.size() == 1 && maps[0].outside == ours && maps[0].count == 1;
}

std::string map_text(const std::vector<IdMap>& maps) {
  std::string text;
  for (const auto& map : maps) {
    fmt::format_to(std::back_inserter(text), "{} {} {}\n", map.inside, map.outside, map.count);
  }
  return text;
}

Status write_proc(pid_t child, const char* file, std::string_view text) {
  auto written = write_file_at(AT_FDCWD, fmt::format("/proc/{}/{}", child, file), text);
  if (!written) return Error{written.error().code, Stage::kIdMap, file};
  return Done{};
}

// Before 3.19 there was no such file, nor anything to be promised.
Status deny_setgroups(pid_t child) {
  auto denied = write_proc(child, "setgroups", "deny");
  if (!denied && denied.error().code == ENOENT) return Done{};
  return denied;
}

Status write_all(const IdMaps& maps, pid_t child) {
  if (maps.deny_setgroups) {
    if (auto denied = deny_setgroups(child); !denied) return denied;
  }
  if (auto uids = write_proc(child, kUidMap, map_text(maps.uids)); !uids) return uids;
  return write_proc(child, kGidMap, map_text(maps.gids));
}

constexpr char kGo = 'g';

void let_go(int go_write) noexcept {
  [[maybe_unused]] const auto written = ::write(go_write, &kGo, 1);
}

// ---- In the helper, which keeps the pipe in the place of its status pipe.

constexpr int kAbove = 64;

void keep_pipe(int go_write, bool close_range_refused) noexcept {
  const int go = ::fcntl(go_write, F_DUPFD_CLOEXEC, kAbove);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (go < 0 || null < 0) ::_exit(kSetupFailed);
  for (int fd = 0; fd < kStatusFd; ++fd) ::dup2(null, fd);
  ::dup3(go, kStatusFd, O_CLOEXEC);
  close_from(kStatusFd + 1, close_range_refused);
}

[[noreturn]] void run_command(const HelperCommand& command) noexcept {
  for (const auto& path : command.paths) {
    ::execv(path.c_str(), command.argv.data());
    if (errno != ENOENT) break;
  }
  fail_about(command.argv[0], Stage::kIdMap);
}

// What it has against it it says on stderr alone; mostly, that it is not allowed.
void run(const HelperCommand& command, const char* file) noexcept {
  const pid_t pid = ::fork();
  if (pid < 0) fail_about(file, Stage::kIdMap);
  if (pid == 0) run_command(command);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kSetupFailed) ::_exit(kSetupFailed);
  errno = EPERM;
  require_about(status == 0, file, Stage::kIdMap);
}

}  // namespace

IdMaps id_maps_for(const Isolation& isolation, const Credentials& who) {
  const auto uid = ::geteuid();
  const auto gid = ::getegid();
  const bool privileged = uid == 0;
  IdMaps maps = {isolation.uid_map, isolation.gid_map};
  if (maps.uids.empty()) maps.uids = single(who.uid, uid, privileged);
  if (maps.gids.empty()) maps.gids = single(who.gid, gid, privileged);
  const bool own = is_own_id(maps.uids, uid) && is_own_id(maps.gids, gid);
  maps.deny_setgroups = !privileged && own;
  maps.by_helper = !privileged && !own;
  return maps;
}

void map_ids(const MapsPlan& plan, pid_t child) {
  const auto written = write_all(*plan.maps, child);
  written ? let_go(plan.go_write) : tell_child(plan, written.error());
}

// As the child would tell it, which it will.
void tell_child(const MapsPlan& plan, const Error& error) {
  const auto word = encode_status(error.stage, error.code);
  const std::string bytes = std::string(word.begin(), word.end()) + error.subject;
  [[maybe_unused]] const auto written = ::write(plan.go_write, bytes.data(), bytes.size());
}

HelperCommand::HelperCommand(const char* program, const std::vector<IdMap>& maps, pid_t child)
    : arguments({program, std::to_string(child)}) {
  for (const auto& map : maps) {
    for (const auto number : {map.inside, map.outside, map.count}) {
      arguments.push_back(std::to_string(number));
    }
  }
  for (const char* directory : {"/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"}) {
    paths.push_back(fmt::format("{}/{}", directory, program));
  }
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
}

HelperCommands::HelperCommands(const IdMaps& maps, pid_t child)
    : uids("newuidmap", maps.uids, child), gids("newgidmap", maps.gids, child) {}

void run_map_helper(const MapsPlan& plan, bool close_range_refused) noexcept {
  keep_pipe(plan.go_write, close_range_refused);
  run(plan.commands->uids, kUidMap);
  run(plan.commands->gids, kGidMap);
  let_go(kStatusFd);
  ::_exit(0);
}

void await_maps(int go_fd) noexcept {
  std::array<char, PIPE_BUF> word;
  ssize_t count = 0;
  do {
    count = ::read(go_fd, word.data(), word.size());
  } while (count < 0 && errno == EINTR);
  if (count == 1 && word[0] == kGo) {
    ::close(go_fd);
    return;
  }
  errno = ESRCH;  // who should have mapped them is gone
  if (count <= 0) fail_about(kUidMap, Stage::kIdMap);
  [[maybe_unused]] const auto told =
      ::write(kStatusFd, word.data(), static_cast<std::size_t>(count));
  ::_exit(kSetupFailed);
}

}  // namespace contained::process
