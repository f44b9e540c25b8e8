// Sin: never reads its stdin.
// never_read_stdin -> "ready\n", then lives on with stdin open.
#include "helper.h"

int main(void) {
  say("ready\n");
  live_on();
}
