// What the badly behaved programs share. All of them end by themselves after two minutes at most,
// so that a test that fails leaves nothing behind for long.
#pragma once

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline long argument(int argc, char** argv, int index, long otherwise) {
  return index < argc ? strtol(argv[index], NULL, 10) : otherwise;
}

static inline int has_word(int argc, char** argv, const char* word) {
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], word) == 0) return 1;
  }
  return 0;
}

static inline void pause_ms(long ms) {
  struct timespec left = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&left, &left) < 0 && errno == EINTR) {
  }
}

static inline void live_on(void) {
  pause_ms(120000);
  _exit(99);
}

static inline void ignore_all_signals(void) {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (number != SIGCHLD) signal(number, SIG_IGN);
  }
}

// Writes everything, waiting where a descriptor is non-blocking; exits with 98 when it cannot.
static inline void write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, data, size);
    struct pollfd writable = {fd, POLLOUT, 0};
    if (n < 0 && errno == EAGAIN) {
      poll(&writable, 1, -1);
    } else if (n < 0 && errno != EINTR) {
      _exit(98);
    } else if (n > 0) {
      data += n;
      size -= (size_t)n;
    }
  }
}

static inline void say(const char* text) { write_all(STDOUT_FILENO, text, strlen(text)); }

static inline void say_number(long number) {
  char line[32];
  snprintf(line, sizeof line, "%ld\n", number);
  say(line);
}

// |total| bytes in blocks of |block|; the byte at offset i is i % 251, so that any piece that is
// lost, doubled or moved shows.
static inline void write_pattern(int fd, long long total, long block) {
  char* data = malloc((size_t)block + 251);
  if (data == NULL) _exit(97);
  for (long i = 0; i < block + 251; ++i) data[i] = (char)(i % 251);
  for (long long at = 0; at < total;) {
    const long long left = total - at;
    const size_t size = (size_t)(left < block ? left : block);
    write_all(fd, data + at % 251, size);
    at += (long long)size;
  }
  free(data);
}
