// Sin: makes its stdout non-blocking, for everybody who shares that open file description.
// nonblock_stdout [N=1048576] -> N bytes, the byte at offset i is i % 251.
#include <fcntl.h>

#include "helper.h"

int main(int argc, char** argv) {
  if (fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK) < 0) return 97;
  write_pattern(STDOUT_FILENO, argument(argc, argv, 1, 1048576), 65536);
  return 0;
}
