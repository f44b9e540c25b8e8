// Sin: multiplies, every process forking, until N exist; then they all live on.
// fork_bomb [N=100] [ignore_term] -> "ready\n" once N processes exist. A fork that fails is not
// tried again.
#include <stdatomic.h>
#include <sys/mman.h>

#include "helper.h"

struct shared {
  atomic_long tickets;  // forks begun, and the first process
  atomic_long alive;
};

int main(int argc, char** argv) {
  const long bound = argument(argc, argv, 1, 100);
  struct shared* shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 97;
  if (has_word(argc, argv, "ignore_term")) ignore_all_signals();
  atomic_store(&shared->tickets, 1);
  pid_t child = 0;
  do {
    if (child == 0 && atomic_fetch_add(&shared->alive, 1) == bound - 1) say("ready\n");
    if (atomic_fetch_add(&shared->tickets, 1) >= bound) break;
    child = fork();
  } while (child >= 0);
  live_on();
}
