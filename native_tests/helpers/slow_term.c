// Sin: takes its time over SIGTERM.
// slow_term [MS=100] -> "ready\n"; exits 0 MS milliseconds after SIGTERM.
#include "helper.h"

int main(int argc, char** argv) {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  say("ready\n");
  const struct timespec patience = {120, 0};
  if (sigtimedwait(&term, NULL, &patience) < 0) return 99;
  pause_ms(argument(argc, argv, 1, 100));
  return 0;
}
