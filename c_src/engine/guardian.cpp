#include "engine/guardian.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/proc.hpp"
#include "engine/last_resort.hpp"
#include "engine/reaper.hpp"
#include "engine/sweeper.hpp"
#include "process/exit_status.hpp"

namespace contained::engine {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLongestStop{1000};
constexpr milliseconds kSweepPause{20};

cgroup::Owner this_process() {
  const auto self = read_proc_stat(::getpid());
  return {pid_namespace(), ::getpid(), self ? self->start_time : 0};
}

sigset_t watched_signals(const std::vector<int>& more) {
  auto set = Reaper::signals();
  for (const int number : more) ::sigaddset(&set, number);
  return set;
}

// The VM leaves SIGPIPE and SIGFPE ignored, and its shell may have left others so. SIGPIPE stays
// ignored here (a write tells), and is reset in every child. With |keep_hup| what nohup(1) has done
// stays.
void settle_signals(const sigset_t& watched, bool keep_hup) {
  struct sigaction hup = {};
  ::sigaction(SIGHUP, nullptr, &hup);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  if (keep_hup && hup.sa_handler == SIG_IGN) ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  ::sigprocmask(SIG_SETMASK, &watched, nullptr);
}

int run_worker(const GuardianOptions& options, const Place& place) {
  if (options.new_session) ::setsid();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_PDEATHSIG, Reaper::kGuardianGone);
  if (::getppid() != place.guardian) return kExitInternal;
  asio::io_context io(1);
  return options.work(io, place);
}

// Watches one worker, and meanwhile sweeps what dead launchers have left.
class Watch {
 public:
  Watch(pid_t worker, const cgroup::Ground& ground, const GuardianOptions& options)
      : worker_(worker),
        ground_(ground),
        options_(options),
        sweep_at_(Clock::now() + options.sweep_after) {}

  int run() {
    for (;;) {
      sweep();
      wait_for_signal();
      if (const auto code = look_at_worker()) return *code;
      if (stopped_since_ && Clock::now() - *stopped_since_ >= kLongestStop) {
        ::kill(worker_, SIGKILL);
      }
    }
  }

 private:
  void sweep() {
    if (!sweeper_ && Clock::now() >= sweep_at_) sweeper_.emplace(ground_);
    if (sweeper_ && !sweeper_->over()) sweeper_->round();
  }

  void wait_for_signal() const {
    const auto set = watched_signals(options_.signals);
    const auto next = sweeper_ ? kSweepPause : options_.sweep_after;
    const timespec pause = {0, std::chrono::nanoseconds(next).count()};
    const bool idle = sweeper_ && sweeper_->over() && !stopped_since_;
    siginfo_t info = {};
    const int number = idle ? ::sigwaitinfo(&set, &info) : ::sigtimedwait(&set, &info, &pause);
    if (number > 0 && number != SIGCHLD) options_.on_signal(info);
  }

  std::optional<int> look_at_worker() {
    siginfo_t info = {};
    const int options = WEXITED | WSTOPPED | WCONTINUED | WNOHANG;
    if (::waitid(P_PID, static_cast<id_t>(worker_), &info, options) < 0) return kExitInternal;
    if (info.si_pid == 0) return std::nullopt;
    if (info.si_code == CLD_CONTINUED) stopped_since_.reset();
    if (info.si_code == CLD_STOPPED && !stopped_since_) stopped_since_ = Clock::now();
    if (info.si_code == CLD_CONTINUED || info.si_code == CLD_STOPPED) return std::nullopt;
    const auto status = process::exit_status_of(info);
    return status.exited ? status.code : 128 + status.code;
  }

  pid_t worker_;
  const cgroup::Ground& ground_;
  const GuardianOptions& options_;
  Clock::time_point sweep_at_;
  std::optional<Sweeper> sweeper_;
  std::optional<Clock::time_point> stopped_since_;
};

}  // namespace

int run_guardian(const GuardianOptions& options) {
  settle_signals(watched_signals(options.signals), !options.new_session);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto ground = cgroup::Ground::create(options.cgroups, this_process());
  // Without the containment that was asked for every start is refused, saying why.
  std::optional<Error> no_ground;
  if (!ground) {
    no_ground = ground.error();
    ground = cgroup::Ground::create({.base = {}, .containment = "best_effort"}, this_process());
  }
  const Place place{::getpid(), ::getppid(), &*ground, std::move(no_ground)};
  const pid_t worker = ::fork();
  if (worker < 0) {
    fmt::print(stderr, "contained: {}\n", Error::last(Stage::kFork).message());
    return kExitInternal;
  }
  if (worker == 0) return run_worker(options, place);
  options.release();
  const int code = Watch(worker, *ground, options).run();
  if (!kill_everything(*ground)) {
    fmt::print(stderr, "contained: some processes do not die of SIGKILL (state D)\n");
  }
  return code;
}

}  // namespace contained::engine
