// No sin: shows which signal state it was given.
// print_signals -> the lines SigPnd, ShdPnd, SigBlk, SigIgn and SigCgt of its /proc/self/status.
#include "helper.h"

int main(void) {
  FILE* status = fopen("/proc/self/status", "r");
  char line[256];
  if (status == NULL) return 97;
  while (fgets(line, sizeof line, status) != NULL) {
    if (strncmp(line, "Sig", 3) == 0 && line[3] != 'Q') say(line);
    if (strncmp(line, "ShdPnd", 6) == 0) say(line);
  }
  return fclose(status);
}
