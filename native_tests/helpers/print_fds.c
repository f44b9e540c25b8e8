// No sin: shows which descriptors it was given.
// print_fds -> the number of every open descriptor below 65536, one a line.
#include <fcntl.h>

#include "helper.h"

int main(void) {
  for (int fd = 0; fd < 65536; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) say_number(fd);
  }
  return 0;
}
