// Sin: writes as much as it can.
// chatty [N=1048576] [B=65536] [FD=1] -> N bytes in blocks of B; the byte at offset i is i % 251.
#include "helper.h"

int main(int argc, char** argv) {
  const long long total = argc > 1 ? strtoll(argv[1], NULL, 10) : 1048576;
  const long block = argument(argc, argv, 2, 65536);
  write_pattern((int)argument(argc, argv, 3, 1), total, block);
  return 0;
}
