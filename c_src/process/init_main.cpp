#include "process/init_main.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <optional>

#include "process/close_fds.hpp"
#include "process/exit_status.hpp"
#include "process/fork.hpp"
#include "process/status_word.hpp"
#include "process/stub_side.hpp"
#include "process/stub_word.hpp"
#include "process/title.hpp"

namespace contained::process {
namespace {

using Kind = StubWord::Kind;

constexpr int kKillPauseMs = 10;

// Those that somebody may send to "the container", and mean its program.
constexpr std::initializer_list<int> kForwarded = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                                   SIGUSR1, SIGUSR2, SIGWINCH};

// All in the namespace but ourselves, kill(2).
int signal_all(int number) { return ::kill(-1, number) == 0 ? 0 : errno; }

class Init {
 public:
  Init(pid_t leader, int signals, bool tell_orphans)
      : leader_(leader), signals_(signals), tell_orphans_(tell_orphans) {}

  // Until nobody is left.
  void run() {
    while (reap()) wait();
  }

 private:
  // All that have lost their parent are our children.
  bool reap() {
    std::optional<Reaped> leader;
    for (auto reaped = reap_one(); reaped.pid > 0; reaped = reap_one()) {
      if (leader_running_ && reaped.pid == leader_) {
        leader = reaped;
      } else if (tell_orphans_) {
        tell_of_orphan(kControlFd, reaped);
      }
    }
    const bool others = has_children();
    if (leader) tell_of_leader(*leader, others);
    return others;
  }

  void tell_of_leader(const Reaped& leader, bool others) {
    leader_running_ = false;
    StubWord word;
    word.kind = Kind::kLeaderExited;
    word.status = leader.status;
    word.usage = leader.usage;
    word.count = others ? 1 : 0;
    tell(kControlFd, word);
  }

  // What forks in the moment of the kill is killed with it, yet a signal to all costs nothing.
  void wait() {
    std::array<pollfd, 2> wanted = {{{signals_, POLLIN, 0}, {control_, POLLIN, 0}}};
    ::poll(wanted.data(), wanted.size(), killing_ ? kKillPauseMs : -1);
    if (wanted[0].revents != 0) read_signals();
    if (wanted[1].revents != 0) read_request();
    if (killing_) signal_all(SIGKILL);
  }

  void read_signals() {
    signalfd_siginfo info = {};
    while (::read(signals_, &info, sizeof info) == sizeof info) {
      const auto number = static_cast<int>(info.ssi_signo);
      if (number != SIGCHLD && leader_running_) ::kill(leader_, number);
    }
  }

  void read_request() {
    StubWord word;
    const auto size = ::recv(control_, &word, sizeof word, MSG_DONTWAIT);
    if (size == sizeof word) return answer(word);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    control_ = -1;  // poll(2) passes over it
    killing_ = true;
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
        word.count = has_children() ? 1 : 0;
        return tell(kControlFd, word);
      default:
        killing_ = true;
    }
  }

  int signal(const StubWord& request) {
    if (!request.leader_only) return signal_all(request.number);
    if (!leader_running_) return ESRCH;
    return ::kill(leader_, request.number) == 0 ? 0 : errno;
  }

  pid_t leader_;
  int signals_;
  bool tell_orphans_;
  int control_ = kControlFd;
  bool leader_running_ = true;
  bool killing_ = false;
};

// A worker that is gone already sends no signal: its end of the socket is closed then.
void take_place(const ChildPlan& plan, int control) {
  leave_session(plan);
  require(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, Stage::kSignal);
  pollfd worker = {control, 0, 0};
  if (::poll(&worker, 1, 0) == 1) ::_exit(kSetupFailed);
  set_title("contained_init");
}

// Its pid is told by the kernel, with the message; the worker's is another one.
[[noreturn]] void run_leader(const ChildPlan& plan, int control) {
  StubWord word;
  word.kind = Kind::kLeader;
  tell(control, word);
  ::close(control);
  become_program(plan);
}

pid_t fork_program(const ChildPlan& plan, int control) {
  Refused refused;
  const pid_t self = ::getpid();
  const auto leader = fork_self(refused);
  if (!leader) {
    errno = leader.error().code;
    fail(Stage::kFork);
  }
  if (leader->pid > 0) return leader->pid;
  auto rest = plan;
  rest.parent = self;
  rest.clone_flags = 0;
  rest.reset_signals = plan.new_session ? kAllSignals : plan.reset_signals;
  run_leader(rest, control);
}

}  // namespace

void run_init(const ChildPlan& plan) {
  const int control = isolate_child(plan);
  take_place(plan, control);
  const pid_t leader = fork_program(plan, control);
  // Against a payload of the same user, who would have it leave the death of the worker unheard.
  ::prctl(PR_SET_DUMPABLE, 0);
  const int signals = keep_control_only(control, kForwarded, plan.close_range_refused);
  Init(leader, signals, plan.tell_orphans).run();
  ::_exit(0);
}

}  // namespace contained::process
