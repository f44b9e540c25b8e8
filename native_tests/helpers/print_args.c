// No sin: shows which arguments it was given.
// print_args ... -> every argument, argv[0] first, each followed by a NUL byte.
#include "helper.h"

int main(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) write_all(STDOUT_FILENO, argv[i], strlen(argv[i]) + 1);
  return 0;
}
