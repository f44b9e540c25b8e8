// Sin: has a child that is stopped and cannot act on SIGTERM.
// stopped_grandchild -> "<pid of the stopped child>\n" once it is stopped; then lives on.
#include "helper.h"

int main(void) {
  const pid_t pid = fork();
  if (pid == 0) {
    raise(SIGSTOP);
    live_on();
  }
  waitpid(pid, NULL, WUNTRACED);
  say_number(pid);
  live_on();
}
