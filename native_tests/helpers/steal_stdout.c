// Sin: reopens its own stdout for reading and takes back what it wrote.
// steal_stdout [N=4096] -> writes N bytes 'x', takes back what is still there (the number stolen
// goes to stderr, a line), then writes "done\n".
#include <fcntl.h>

#include "helper.h"

int main(int argc, char** argv) {
  const long count = argument(argc, argv, 1, 4096);
  const int thief = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK);
  char buffer[4096];
  if (thief < 0) return 97;
  for (long i = 0; i < count; ++i) write_all(STDOUT_FILENO, "x", 1);
  long stolen = 0;
  for (ssize_t n; (n = read(thief, buffer, sizeof buffer)) > 0;) stolen += n;
  dprintf(STDERR_FILENO, "%ld\n", stolen);
  say("done\n");
  return 0;
}
