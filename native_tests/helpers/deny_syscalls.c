// Runs a program for which the named kernel calls are refused, as a container's filter would.
// deny_syscalls EPERM|ENOSYS NAME[,NAME...] -- PROGRAM [ARG...]
// Exit 64: bad arguments; 65: the filter was refused; 66: the program could not be executed.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "helper.h"

static const struct {
  const char* name;
  unsigned number;
} kCalls[] = {
    {"clone3", SYS_clone3},           {"pidfd_open", SYS_pidfd_open},
    {"close_range", SYS_close_range}, {"splice", SYS_splice},
    {"openat2", SYS_openat2},         {"pidfd_send_signal", SYS_pidfd_send_signal},
};
enum { kCallCount = sizeof kCalls / sizeof kCalls[0] };

// One comparison and one answer per name, between the load and the permission.
static struct sock_filter program[2 + 2 * kCallCount];
static unsigned short length;

static void add(struct sock_filter instruction) { program[length++] = instruction; }

static int deny(const char* name, unsigned answer) {
  for (size_t i = 0; i < kCallCount; ++i) {
    if (strcmp(kCalls[i].name, name) != 0) continue;
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kCalls[i].number, 0, 1));
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer));
    return 1;
  }
  return 0;
}

static int build(char* names, unsigned answer) {
  add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
  int known = 0;
  for (char* name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
    if (known == kCallCount || !deny(name, answer)) return 0;
    ++known;
  }
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return known > 0;
}

int main(int argc, char** argv) {
  if (argc < 5 || strcmp(argv[3], "--") != 0) return 64;
  const int eperm = strcmp(argv[1], "EPERM") == 0;
  if (!eperm && strcmp(argv[1], "ENOSYS") != 0) return 64;
  const unsigned error = eperm ? EPERM : ENOSYS;
  if (!build(argv[2], SECCOMP_RET_ERRNO | error)) return 64;
  const struct sock_fprog filter = {length, program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return 65;
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) return 65;
  execv(argv[4], argv + 4);
  return 66;
}
