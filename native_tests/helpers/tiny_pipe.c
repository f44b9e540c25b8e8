// Sin: shrinks its stdout pipe to one page.
// tiny_pipe [N=1048576] -> N bytes, the byte at offset i is i % 251. Exit 97 when refused.
#define _GNU_SOURCE  // F_SETPIPE_SZ
#include <fcntl.h>

#include "helper.h"

int main(int argc, char** argv) {
  if (fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 4096) < 0) return 97;
  write_pattern(STDOUT_FILENO, argument(argc, argv, 1, 1048576), 65536);
  return 0;
}
