// Sin: closes its stdin early.
// close_stdin [MS=120000] -> "ready\n" once stdin is closed, exit 0 after MS milliseconds.
#include "helper.h"

int main(int argc, char** argv) {
  close(STDIN_FILENO);
  say("ready\n");
  pause_ms(argument(argc, argv, 1, 120000));
  return 0;
}
