// Sin: multiplies without end. Every process of it forks again and again, so that for each that is
// killed another one comes. To be bounded from outside, by RLIMIT_NPROC and a user that it binds:
// exits with 64 where that does not hold.
// fork_storm [ignore_term] -> "full\n" when a fork is refused for the first time.
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "helper.h"

enum { kMost = 1000, kSeconds = 60 };

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

int main(int argc, char** argv) {
  struct rlimit limit;
  if (geteuid() == 0 || getrlimit(RLIMIT_NPROC, &limit) < 0 || limit.rlim_max > kMost) return 64;
  atomic_int* const full =
      mmap(NULL, sizeof *full, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (full == MAP_FAILED) return 97;
  if (has_word(argc, argv, "ignore_term")) ignore_all_signals();
  signal(SIGCHLD, SIG_IGN);
  const long end = now() + kSeconds;
  while (now() < end) {
    if (fork() < 0 && atomic_exchange(full, 1) == 0) say("full\n");
  }
  return 0;
}
