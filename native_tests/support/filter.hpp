// A seccomp filter that lets system calls fail, or succeed without doing anything.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace contained::test {

struct FilteredCall {
  long number = 0;
  int argument = -1;  ///< only with this first argument; -1: always
  int answer = 0;     ///< errno; 0: pretended success
};

/// For this process from now on. Needs root or no_new_privs. Never fails half: exits with 90.
inline void filter_call(const FilteredCall& call) {
  const auto number = static_cast<std::uint32_t>(call.number);
  const auto argument = static_cast<std::uint32_t>(call.argument);
  const std::uint8_t skip = call.argument < 0 ? 0 : 2;
  std::array<sock_filter, 6> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | (skip == 0 ? BPF_JGE : BPF_JEQ) | BPF_K, skip == 0 ? 0 : argument, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(call.answer)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter = {program.size(), program.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) ::_exit(90);
}

}  // namespace contained::test
