// Sin: has a child in a session of its own, ignoring SIGTERM.
// escape_session [exit] -> "<pid of that child>\n"; then lives on, or with "exit" exits 0.
#include "helper.h"

int main(int argc, char** argv) {
  int gone[2];
  if (pipe(gone) < 0) return 97;
  if (fork() == 0) {
    setsid();
    ignore_all_signals();
    say_number(getpid());
    close(gone[0]);
    close(gone[1]);
    live_on();
  }
  close(gone[1]);
  char byte;
  if (read(gone[0], &byte, 1) != 0) return 96;  // the child has escaped when the pipe is closed
  if (has_word(argc, argv, "exit")) return 0;
  live_on();
}
