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
#include <vector>

#include "base/proc.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/tree.hpp"
#include "engine/engine.hpp"
#include "engine/last_resort.hpp"
#include "process/exit_status.hpp"

namespace contained::engine {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLongestStop{1000};
constexpr milliseconds kSweepPause{20};
constexpr int kMostSweepRounds = 250;

struct Ground {
  cgroup::Tree tree;
  std::string base;
  Error why_not;  ///< when the tree is not valid
};

Ground find_ground(const std::string& wanted) {
  Ground ground;
  auto layout = cgroup::find_layout();
  auto base = layout ? cgroup::choose_base(*layout, wanted) : Result<std::string>(layout.error());
  const auto self = read_proc_stat(::getpid());
  const cgroup::Owner owner{pid_namespace(), ::getpid(), self ? self->start_time : 0};
  auto tree = base ? cgroup::Tree::create(*base, owner) : Result<cgroup::Tree>(base.error());
  if (!tree) {
    ground.why_not = tree.error();
    ground.why_not.stage = Stage::kCgroup;
    return ground;
  }
  ground.base = std::move(*base);
  ground.tree = std::move(*tree);
  return ground;
}

// The VM leaves SIGPIPE and SIGFPE ignored, and its shell may have left others so. SIGPIPE stays
// ignored here (a write tells), and is reset in every child.
void settle_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  const auto ours = Reaper::signals();
  ::sigprocmask(SIG_SETMASK, &ours, nullptr);
}

int run_worker(GuardianOptions options, Ground& ground, pid_t guardian, pid_t vm_side) {
  ::setsid();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_PDEATHSIG, Reaper::kGuardianGone);
  if (::getppid() != guardian) return kExitInternal;
  asio::io_context io(1);
  Engine engine(io, Setup{std::move(options.from_vm), std::move(options.to_vm), guardian, vm_side,
                          &ground.tree, ground.why_not});
  return engine.run();
}

// Watches one worker, and meanwhile sweeps what dead launchers have left.
class Watch {
 public:
  Watch(pid_t worker, Ground& ground) : worker_(worker), ground_(ground) {
    if (ground.tree.valid()) stale_ = cgroup::stale_trees(ground.base);
  }

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
  void wait_for_signal() const {
    // TERM, HUP and INT are meant for the VM, which decides; the worker tells it of its own.
    const auto set = Reaper::signals();
    if (stale_.empty() && !stopped_since_) {
      ::sigwaitinfo(&set, nullptr);
      return;
    }
    const timespec pause = {0, std::chrono::nanoseconds(kSweepPause).count()};
    ::sigtimedwait(&set, nullptr, &pause);
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

  void sweep() {
    std::erase_if(stale_, [this](const std::string& name) {
      // An error may be another sweeper's doing: tried again, as long as there are rounds left.
      const auto gone = cgroup::sweep(ground_.base, name);
      return gone && *gone;
    });
    if (++sweep_rounds_ >= kMostSweepRounds) stale_.clear();
  }

  pid_t worker_;
  Ground& ground_;
  std::vector<std::string> stale_;
  int sweep_rounds_ = 0;
  std::optional<Clock::time_point> stopped_since_;
};

}  // namespace

int run_guardian(GuardianOptions options) {
  settle_signals();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto ground = find_ground(options.cgroup_base);
  const pid_t guardian = ::getpid();
  const pid_t vm_side = ::getppid();
  const pid_t worker = ::fork();
  if (worker < 0) {
    fmt::print(stderr, "contained_port: {}\n", Error::last(Stage::kFork).message());
    return kExitInternal;
  }
  if (worker == 0) return run_worker(std::move(options), ground, guardian, vm_side);
  // Ours would keep the VM from seeing the end of file.
  options.from_vm.reset();
  options.to_vm.reset();
  const int code = Watch(worker, ground).run();
  if (!kill_everything(ground.tree)) {
    fmt::print(stderr, "contained_port: some processes do not die of SIGKILL (state D)\n");
  }
  return code;
}

}  // namespace contained::engine
