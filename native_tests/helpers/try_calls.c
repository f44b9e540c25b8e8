// Makes the named system calls with arguments that no kernel takes, so that nothing happens, and
// prints a line "NAME ERRNO" for each. Exit 64: no such name. int80_... is made as a 32-bit program
// makes it, x32_... as one of the x32 ABI; "NAME none" where this machine or its kernel has not
// that way.
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "helper.h"

enum { kNoRequest = 9999, kNoWay = -1 };

static int code_of(long result) { return result < 0 ? errno : 0; }

static int try_ptrace(void) { return code_of(syscall(SYS_ptrace, kNoRequest, 0, 0, 0)); }
static int try_keyctl(void) { return code_of(syscall(SYS_keyctl, kNoRequest, 0, 0, 0, 0)); }
static int try_unshare(void) { return code_of(syscall(SYS_unshare, 0x80000000UL)); }
static int try_setns(void) { return code_of(syscall(SYS_setns, -1, 0)); }
static int try_clone3(void) { return code_of(syscall(SYS_clone3, NULL, 0)); }
static int try_getppid(void) { return code_of(syscall(SYS_getppid)); }
static int try_socket(void) { return code_of(syscall(SYS_socket, AF_VSOCK, kNoRequest, 0)); }
static int try_tiocsti(void) { return code_of(syscall(SYS_ioctl, -1, TIOCSTI, NULL)); }

// The kernel looks at the lower half of the request alone.
static int try_tiocsti_high(void) {
  return code_of(syscall(SYS_ioctl, -1, TIOCSTI | 1UL << 32, NULL));
}

// CLONE_FS and CLONE_NEWNS do not go together.
static int try_clone_newns(void) {
  return code_of(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
}

static int try_fork(void) {
  const long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  const int code = code_of(pid);
  if (pid > 0) waitpid((pid_t)pid, NULL, 0);
  return code;
}

#ifdef __x86_64__
static sigjmp_buf no_way;
static void on_fault(int number) {
  (void)number;
  siglongjmp(no_way, 1);
}

// ptrace, by the numbers of i386: 26; without IA32_EMULATION the instruction faults.
static int try_int80_ptrace(void) {
  signal(SIGSEGV, on_fault);
  if (sigsetjmp(no_way, 1) != 0) return kNoWay;
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(26), "b"(kNoRequest), "c"(0), "d"(0), "S"(0)
                   : "memory", "r8", "r9", "r10", "r11");
  return result < 0 ? (int)-result : 0;
}

// ptrace, by the numbers of x32: 521.
static int try_x32_ptrace(void) { return code_of(syscall(0x40000000 + 521, kNoRequest, 0, 0, 0)); }
#else
static int try_int80_ptrace(void) { return kNoWay; }
static int try_x32_ptrace(void) { return kNoWay; }
#endif

static const struct {
  const char* name;
  int (*attempt)(void);
} kAttempts[] = {
    {"ptrace", try_ptrace},
    {"keyctl", try_keyctl},
    {"unshare", try_unshare},
    {"setns", try_setns},
    {"clone3", try_clone3},
    {"clone_newns", try_clone_newns},
    {"fork", try_fork},
    {"getppid", try_getppid},
    {"socket", try_socket},
    {"tiocsti", try_tiocsti},
    {"tiocsti_high", try_tiocsti_high},
    {"int80_ptrace", try_int80_ptrace},
    {"x32_ptrace", try_x32_ptrace},
};

static int attempt(const char* name) {
  for (size_t i = 0; i < sizeof kAttempts / sizeof kAttempts[0]; ++i) {
    if (strcmp(kAttempts[i].name, name) == 0) return kAttempts[i].attempt();
  }
  _exit(64);
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const int code = attempt(argv[i]);
    if (code == kNoWay)
      printf("%s none\n", argv[i]);
    else
      printf("%s %d\n", argv[i], code);
    fflush(stdout);
  }
  return 0;
}
