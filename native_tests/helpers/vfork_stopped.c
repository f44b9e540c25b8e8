// Sin: waits in vfork(2), where only SIGKILL reaches it, for a child that is stopped.
// vfork_stopped -> "<pid of the stopped child>\n" just before it stops.
#include "helper.h"

int main(void) {
  if (vfork() == 0) {
    say_number(getpid());
    raise(SIGSTOP);
    _exit(0);
  }
  live_on();
}
