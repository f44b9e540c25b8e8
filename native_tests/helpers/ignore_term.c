// Sin: ignores SIGTERM and every other signal that can be ignored.
// ignore_term -> "ready\n", then lives on.
#include "helper.h"

int main(void) {
  ignore_all_signals();
  say("ready\n");
  live_on();
}
