// Sin: its main thread ends while another one goes on: /proc/<pid>/stat says Z, yet it lives.
// zombie_leader [CODE=0] -> "ready\n" from the other thread once the main thread has ended; exits
// with CODE when its stdin reaches its end.
#include <pthread.h>

#include "helper.h"

static int code;

static int main_thread_is_zombie(void) {
  char text[64] = "";
  FILE* stat = fopen("/proc/self/stat", "r");
  if (stat == NULL) return 0;
  const size_t n = fread(text, 1, sizeof text - 1, stat);
  fclose(stat);
  text[n] = '\0';
  return strstr(text, ") Z ") != NULL;
}

static void* live_without_leader(void* nothing) {
  char byte;
  while (!main_thread_is_zombie()) pause_ms(1);
  say("ready\n");
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  _exit(code);
  return nothing;
}

int main(int argc, char** argv) {
  pthread_t other;
  code = (int)argument(argc, argv, 1, 0);
  if (pthread_create(&other, NULL, live_without_leader, NULL) != 0) return 97;
  pthread_exit(NULL);
}
