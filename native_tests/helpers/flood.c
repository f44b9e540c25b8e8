// Lines that count from 0, each of 100 bytes, written as fast as somebody reads; and the look
// whether files hold just these.
//
//     flood COUNT              writes lines 0 to COUNT-1 to stdout
//     flood COUNT FILE...      exits with 0 if the files, one behind the other, are that; else 1
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kLine = 100, kDigits = 12, kLines = 600, kBlock = kLine * kLines };

static char block[kBlock];
static char found[kBlock];

static void number(char* line, long value) {
  for (int at = kDigits - 1; at >= 0; --at, value /= 10) line[at] = (char)('0' + value % 10);
}

// The next lines, as many as a block takes; their bytes.
static size_t fill(long next, long count) {
  long lines = count - next < kLines ? count - next : kLines;
  for (long at = 0; at < lines; ++at) number(block + at * kLine, next + at);
  return (size_t)lines * kLine;
}

static int put(size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t written = write(1, block + done, size - done);
    if (written <= 0) return 0;
    done += (size_t)written;
  }
  return 1;
}

// Reads across the ends of files.
static size_t get(size_t size, int* file, char*** names) {
  size_t done = 0;
  while (done < size) {
    ssize_t count = *file < 0 ? 0 : read(*file, found + done, size - done);
    if (count < 0) return 0;
    done += (size_t)count;
    if (count > 0) continue;
    if (*file >= 0) close(*file);
    if (**names == NULL) return done;
    *file = open(*(*names)++, O_RDONLY);
    if (*file < 0) return 0;
  }
  return done;
}

static int check(long count, char** names) {
  int file = -1;
  for (long next = 0; next < count; next += kLines) {
    size_t size = fill(next, count);
    if (get(size, &file, &names) != size || memcmp(block, found, size) != 0) {
      fprintf(stderr, "not what was written, from line %ld on\n", next);
      return 1;
    }
  }
  return get(1, &file, &names) == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  long count = atol(argv[1]);
  memset(block, 'x', sizeof(block));
  for (int at = 0; at < kLines; ++at) {
    block[at * kLine + kDigits] = ' ';
    block[at * kLine + kLine - 1] = '\n';
  }
  if (argc > 2) return check(count, argv + 2);
  for (long next = 0; next < count; next += kLines) {
    if (!put(fill(next, count))) return 1;
  }
  return 0;
}
