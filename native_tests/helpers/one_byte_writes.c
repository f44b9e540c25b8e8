// Sin: one write(2) per byte.
// one_byte_writes [N=1000] -> N bytes, the i-th is '0' + i % 10.
// one_byte_writes N both -> the same sequence, alternately to stdout (even i) and stderr (odd i).
#include "helper.h"

int main(int argc, char** argv) {
  const long count = argument(argc, argv, 1, 1000);
  const int both = has_word(argc, argv, "both");
  for (long i = 0; i < count; ++i) {
    const char byte = (char)('0' + i % 10);
    write_all(both && i % 2 == 1 ? STDERR_FILENO : STDOUT_FILENO, &byte, 1);
  }
  return 0;
}
