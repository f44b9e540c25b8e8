// Sin: traces its child, which stays in a ptrace stop and cannot be signalled into acting.
// tracer -> "<pid of the traced child>\n" once it is stopped; then lives on, and so does the child.
#include <sys/ptrace.h>

#include "helper.h"

int main(void) {
  const pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGUSR1);
    live_on();
  }
  waitpid(pid, NULL, 0);
  say_number(pid);
  live_on();
}
