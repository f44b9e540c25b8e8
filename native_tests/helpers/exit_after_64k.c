// Sin: exits the moment it has filled its pipe.
// exit_after_64k [CODE=0] -> 65536 bytes, the byte at offset i is i % 251, exit CODE.
#include "helper.h"

int main(int argc, char** argv) {
  write_pattern(STDOUT_FILENO, 65536, 65536);
  _exit((int)argument(argc, argv, 1, 0));
}
