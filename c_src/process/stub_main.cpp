#include "process/stub_main.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <vector>

#include "base/proc.hpp"
#include "process/close_fds.hpp"
#include "process/exit_status.hpp"
#include "process/fork.hpp"
#include "process/hunt.hpp"
#include "process/status_word.hpp"
#include "process/stub_side.hpp"
#include "process/stub_word.hpp"
#include "process/title.hpp"

namespace contained::process {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = StubWord::Kind;
using std::chrono::milliseconds;

constexpr milliseconds kShortestPause{1};
constexpr milliseconds kLongestPause{1000};
constexpr int kRoundsPerDoubling = 20;
constexpr int kFastest = -20;

class Stub {
 public:
  Stub(pid_t leader, pid_t worker, int signals, bool tell_orphans)
      : leader_(leader), worker_(worker), signals_(signals), tell_orphans_(tell_orphans) {}

  // Until nobody is left.
  void run() {
    for (;;) {
      reap();
      if (!leader_running_ && !has_children()) return;
      if (killing_ && Clock::now() >= next_round_) kill_round();
      wait();
    }
  }

 private:
  std::vector<pid_t> reap() {
    std::vector<pid_t> pids;
    std::optional<Reaped> leader;
    for (auto reaped = reap_one(); reaped.pid > 0; reaped = reap_one()) {
      pids.push_back(reaped.pid);
      if (leader_running_ && reaped.pid == leader_) {
        leader = reaped;
      } else if (tell_orphans_) {
        tell_of_orphan(kControlFd, reaped);
      }
    }
    if (leader) tell_of_leader(*leader);
    return pids;
  }

  void tell_of_leader(const Reaped& leader) {
    leader_running_ = false;
    StubWord word;
    word.kind = Kind::kLeaderExited;
    word.status = leader.status;
    word.usage = leader.usage;
    word.count = hunt_.count();
    tell(kControlFd, word);
  }

  // Often at first, ever more seldom for what does not die, and never so often that the dying have
  // no time for it.
  void kill_round() {
    const auto began = Clock::now();
    hunt_.kill([this] { return reap(); });
    const auto now = Clock::now();
    const auto pause = std::max(now - began, (now - kill_began_) / kRoundsPerDoubling);
    next_round_ = now + std::clamp<Clock::duration>(pause, kShortestPause, kLongestPause);
  }

  void begin_kill() {
    if (killing_) return;
    killing_ = true;
    ::setpriority(PRIO_PROCESS, 0, kFastest);  // where it is allowed: those to be hit do not rest
    kill_began_ = next_round_ = Clock::now();
  }

  void wait() {
    std::array<pollfd, 2> wanted = {{{signals_, POLLIN, 0}, {control_, POLLIN, 0}}};
    ::poll(wanted.data(), wanted.size(), killing_ ? milliseconds_left() : -1);
    if (wanted[0].revents != 0) read_signals();
    if (wanted[1].revents != 0) read_request();
  }

  int milliseconds_left() const {
    const auto left = std::chrono::ceil<milliseconds>(next_round_ - Clock::now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
  }

  void read_signals() {
    signalfd_siginfo info = {};
    while (::read(signals_, &info, sizeof info) == sizeof info) {
      // From anybody else it means nothing: a payload may signal all it can.
      if (info.ssi_signo == SIGTERM && ::getppid() != worker_) begin_kill();
    }
  }

  void read_request() {
    StubWord word;
    const auto size = ::recv(control_, &word, sizeof word, MSG_DONTWAIT);
    if (size == sizeof word) return answer(word);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    control_ = -1;  // poll(2) passes over it
    begin_kill();
  }

  void answer(const StubWord& request) {
    StubWord word;
    switch (request.kind) {
      case Kind::kSignal:
        word.kind = Kind::kSignaled;
        word.number = signal(request);
        return tell(kControlFd, word);
      case Kind::kList:
        word.kind = Kind::kCount;
        word.count = hunt_.count();
        return tell(kControlFd, word);
      default:
        return begin_kill();
    }
  }

  int signal(const StubWord& request) {
    if (!request.leader_only) return hunt_.signal_all(request.number);
    if (!leader_running_) return ESRCH;
    return ::kill(leader_, request.number) == 0 ? 0 : errno;
  }

  pid_t leader_;
  pid_t worker_;
  int signals_;
  bool tell_orphans_;
  int control_ = kControlFd;
  bool leader_running_ = true;
  bool killing_ = false;
  Clock::time_point kill_began_;
  Clock::time_point next_round_;
  Hunt hunt_;
};

// A subreaper, so that every descendant stays below; and told of the worker's death.
void settle(const ChildPlan& plan, pid_t worker) {
  leave_session(plan);
  const bool settled =
      ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGTERM) == 0;
  if (!settled) fail(Stage::kSession, kNoDetail, plan.status_fd);
  if (::getppid() != worker) ::_exit(kSetupFailed);
  set_title("contained_stub");
}

pid_t fork_leader(const ChildPlan& plan, Refused& refused) {
  auto leader = fork_child(plan, -1, refused);
  if (leader) return leader->pid;
  errno = leader.error().code;
  fail(leader.error().stage, kNoDetail, plan.status_fd);
}

void announce(int control, pid_t leader) {
  StubWord word;
  word.kind = Kind::kLeader;
  word.number = leader;
  if (const auto stat = read_proc_stat(leader)) word.count = stat->start_time;
  tell(control, word);
}

}  // namespace

void run_stub(ChildPlan plan, int control, pid_t worker, Refused& refused) {
  settle(plan, worker);
  plan.parent = ::getpid();
  const pid_t leader = fork_leader(plan, refused);
  announce(control, leader);
  const int signals = keep_control_only(control, {SIGTERM}, plan.close_range_refused);
  Stub(leader, worker, signals, plan.tell_orphans).run();
  ::_exit(0);
}

}  // namespace contained::process
