// Executes a program from a thread that is not the main one: the process keeps its pid.
// exec_in_thread PROGRAM [ARG...] -> what that writes. Exit 66: it could not be executed.
#include <pthread.h>

#include "helper.h"

static void* execute(void* argv) {
  execv(*(char**)argv, argv);
  _exit(66);
}

int main(int argc, char** argv) {
  pthread_t other;
  if (argc < 2 || pthread_create(&other, NULL, execute, argv + 1) != 0) return 97;
  live_on();
}
