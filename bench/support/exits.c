// When processes really end, for exit_bench.exs.
//
// exits         waits for a byte of stdin, writes its CLOCK_MONOTONIC in nanoseconds, and exits.
// exits watch   reads pids, a line each, to an empty one; says "ready"; then "PID NANOSECONDS" when
//               a plain epoll(7) on the pidfds has told it of the end of each.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int add(int epoll, int pid) {
  struct epoll_event wanted = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = (unsigned)pid};
  const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  return pidfd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, pidfd, &wanted) == 0;
}

static int watch(void) {
  const int epoll = epoll_create1(0);
  int left = 0;
  char line[32];
  while (fgets(line, sizeof line, stdin) && line[0] != '\n') left += add(epoll, atoi(line));
  printf("ready\n");
  fflush(stdout);
  while (left-- > 0) {
    struct epoll_event event;
    if (epoll_wait(epoll, &event, 1, -1) != 1) return 1;
    const long long time = now();
    printf("%llu %lld\n", (unsigned long long)event.data.u64, time);
    fflush(stdout);
  }
  return 0;
}

int main(int argc, char** argv) {
  (void)argv;
  if (argc > 1) return watch();
  char byte;
  if (read(STDIN_FILENO, &byte, 1) < 0) return 1;
  char text[32];
  const int size = snprintf(text, sizeof text, "%lld", now());
  if (write(STDOUT_FILENO, text, (size_t)size) != size) return 1;
  _exit(0);
}
