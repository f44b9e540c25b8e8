// Sin: never stays long enough to be hit: forks itself on and exits, ignoring SIGTERM.
// hopper [MS=10000] [HOP_US=500] -> "ready\n"; the chain of processes goes on for MS milliseconds.
#include "helper.h"

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int main(int argc, char** argv) {
  const long long end = now_ms() + argument(argc, argv, 1, 10000);
  const long hop_us = argument(argc, argv, 2, 500);
  ignore_all_signals();
  say("ready\n");
  while (now_ms() < end) {
    const struct timespec hop = {0, hop_us * 1000};
    nanosleep(&hop, NULL);
    if (fork() > 0) _exit(0);
  }
  return 0;
}
