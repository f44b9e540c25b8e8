#include "process/stub_side.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "process/close_fds.hpp"

namespace contained::process {

void tell(int control, const StubWord& word) {
  ssize_t sent = 0;
  do {
    sent = ::send(control, &word, sizeof word, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
}

void tell_of_orphan(int control, const Reaped& orphan) {
  StubWord word;
  word.kind = StubWord::Kind::kOrphanExited;
  word.number = orphan.pid;
  word.status = orphan.status;
  tell(control, word);
}

bool has_children() {
  siginfo_t info = {};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

int keep_control_only(int control, std::initializer_list<int> signals, bool close_range_refused) {
  ::dup2(control, kControlFd);
  close_from(kControlFd + 1, close_range_refused);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  for (const int number : signals) ::sigaddset(&set, number);
  return ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace contained::process
