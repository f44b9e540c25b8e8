#include "engine/reaper.hpp"

#include <unistd.h>

#include <array>
#include <csignal>

#include "base/proc.hpp"
#include "cgroup/layout.hpp"
#include "process/child.hpp"

namespace contained::engine {

sigset_t Reaper::signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGTERM, SIGHUP, SIGINT, kGuardianGone})
    ::sigaddset(&set, number);
  return set;
}

Reaper::Reaper(asio::io_context& io, std::function<void(int)> on_signal)
    : signals_(io), on_signal_(std::move(on_signal)) {}

Status Reaper::start() {
  const auto set = signals();
  const int fd = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return Error::last(Stage::kSignal, "signalfd");
  signals_.assign(fd);
  wait();
  return Done{};
}

void Reaper::watch(pid_t pid, OnExit on_exit) { watched_[pid] = std::move(on_exit); }

void Reaper::wait() {
  signals_.async_wait(Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    read_signals();
    wait();
  });
}

void Reaper::read_signals() {
  std::array<signalfd_siginfo, 8> infos;
  bool child = false;
  for (;;) {
    const auto count = ::read(signals_.native_handle(), infos.data(), sizeof infos);
    if (count <= 0) break;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count) / sizeof infos[0]; ++i) {
      const auto number = static_cast<int>(infos[i].ssi_signo);
      if (number == SIGCHLD)
        child = true;
      else
        on_signal_(number);
    }
  }
  if (child) reap();
}

// One SIGCHLD may stand for many children.
void Reaper::reap() {
  for (auto reaped = reap_next(); reaped.pid > 0; reaped = reap_next()) {
    const auto watched = watched_.extract(reaped.pid);
    if (watched) watched.mapped()(reaped);
  }
}

// Whose orphan it is, is known until it is reaped. A heir may be forgotten by what it is told.
process::Reaped Reaper::reap_next() {
  if (heirs_.empty()) return process::reap_one();
  const pid_t pid = process::find_dead();
  if (pid == 0) return {};
  const auto* const heir = watched_.contains(pid) ? nullptr : heir_of(pid);
  const auto tell = heir != nullptr ? *heir : OnExit();
  const auto reaped = process::reap_child(pid);
  if (tell) tell(reaped);
  return reaped;
}

const Reaper::OnExit* Reaper::heir_of(pid_t pid) const {
  auto group = cgroup::shown_group(pid);
  if (!group) return nullptr;
  for (auto& path = *group; !path.empty(); path.resize(path.rfind('/'))) {
    const auto heir = heirs_.find(path);
    if (heir != heirs_.end()) return &heir->second;
    if (path.find('/') == std::string::npos) break;
  }
  return nullptr;
}

void Reaper::reap_dying(const std::string& shown) {
  constexpr int kMostLooks = 50;
  constexpr useconds_t kPause = 100;
  const auto found = heirs_.find(shown);
  if (found == heirs_.end()) return;
  const auto tell = found->second;
  for (const pid_t pid : children_of(::getpid())) {
    if (watched_.contains(pid)) continue;
    const auto group = cgroup::shown_group(pid);
    if (!group || !cgroup::lies_within(*group, shown)) continue;
    auto reaped = process::reap_child(pid);
    for (int look = 0; reaped.pid == 0 && look < kMostLooks; ++look) {
      ::usleep(kPause);
      reaped = process::reap_child(pid);
    }
    if (reaped.pid != 0) tell(reaped);
  }
}

void Reaper::kill_strays(const cgroup::Ground& ground) const { kill_strays_of(::getpid(), ground); }

// The youngest first: the children of a killed process are nobody's until it is dead.
void Reaper::kill_strays_of(pid_t parent, const cgroup::Ground& ground) const {
  for (const pid_t pid : children_of(parent)) {
    if (watched_.contains(pid) || ground.contains(pid)) continue;
    kill_strays_of(pid, ground);
    (void)process::signal_foreign(pid, SIGKILL, [parent](pid_t candidate) {
      const auto stat = read_proc_stat(candidate);
      return stat && stat->ppid == parent;
    });
  }
}

}  // namespace contained::engine
