// Sin: exits at once while a grandchild keeps its stdout open and writes late.
// hold_stdout [MS=1000] -> "early\n", exit 0; MS milliseconds later the grandchild writes "late\n".
#include "helper.h"

int main(int argc, char** argv) {
  const long ms = argument(argc, argv, 1, 1000);
  say("early\n");
  if (fork() == 0) {
    pause_ms(ms);
    say("late\n");
  }
  return 0;
}
