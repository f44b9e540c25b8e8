// Sin: stops itself.
// stop_self -> "ready\n", SIGSTOP; once continued "continued\n", exit 0.
#include "helper.h"

int main(void) {
  say("ready\n");
  raise(SIGSTOP);
  say("continued\n");
  return 0;
}
