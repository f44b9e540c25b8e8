// Sin: leaves a daemon behind (double fork, setsid, stdio on /dev/null) and exits with 0.
// daemonize [ignore_term] -> "<pid of the daemon>\n"
#include <fcntl.h>

#include "helper.h"

static void become_daemon(int ignoring) {
  if (ignoring) ignore_all_signals();
  say_number(getpid());
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; ++fd) dup2(null, fd);
  live_on();
}

int main(int argc, char** argv) {
  const pid_t middle = fork();
  if (middle == 0) {
    setsid();
    if (fork() == 0) become_daemon(has_word(argc, argv, "ignore_term"));
    _exit(0);
  }
  waitpid(middle, NULL, 0);
  return 0;
}
