// Sin: leaves thousands of processes to whoever adopts them, which then end.
// orphans [N=1000]; exits with 0 when it has made them.
#include "helper.h"

int main(int argc, char** argv) {
  const long count = argument(argc, argv, 1, 1000);
  for (long i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      if (fork() == 0) pause_ms(i % 5);
      _exit(0);
    }
    if (pid < 0) return 97;
    waitpid(pid, NULL, 0);
  }
  return 0;
}
