// Sin: ends by a signal.
// kill_self NUMBER [core] -> raises that signal; without "core" no core file is written. Exit 0
// when the signal did not end it.
#include <sys/resource.h>

#include "helper.h"

int main(int argc, char** argv) {
  const int number = (int)argument(argc, argv, 1, SIGKILL);
  struct rlimit limit;
  getrlimit(RLIMIT_CORE, &limit);
  limit.rlim_cur = has_word(argc, argv, "core") ? limit.rlim_max : 0;
  setrlimit(RLIMIT_CORE, &limit);
  kill(getpid(), number);
  return 0;
}
