// Sin: waits in the kernel, in state D, where not even SIGKILL ends it: for the answer of a 9p
// server that never speaks. Ends when the pipes to it break. stuck_mount FROM_SERVER TO_SERVER;
// needs root and the kernel's 9p.
#include <fcntl.h>
#include <sys/mount.h>

#include "helper.h"

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  const int from = open(argv[1], O_RDONLY);
  const int to = open(argv[2], O_WRONLY);
  char options[64];
  snprintf(options, sizeof options, "trans=fd,rfdno=%d,wfdno=%d", from, to);
  if (mount("nobody", "/mnt", "9p", 0, options) < 0) perror("mount");
  return 65;
}
