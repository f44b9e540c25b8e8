// What the golden frame `start_sealed` means.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "protocol/seal.hpp"

namespace contained::protocol {

inline void expect_sealed(const Seal& seal) {
  using Kind = SeccompAction::Kind;
  using Op = SeccompCondition::Op;
  const SeccompAction deny = {Kind::kErrno, "eperm"};
  ASSERT_TRUE(seal.seccomp);
  EXPECT_EQ(*seal.seccomp,
            (Seccomp{{Kind::kErrno, "enosys"},
                     {{{Kind::kAllow}, "read", {}},
                      {deny, "ptrace", {}},
                      {deny, "clone", {{0, Op::kMasked, 131072, 131072}}},
                      {{Kind::kKill}, "socket", {{0, Op::kEq, 40}, {1, Op::kNe, 1}}},
                      {{Kind::kLog}, "ioctl", {{5, Op::kLt, 2}, {4, Op::kLe, 3}}},
                      {{Kind::kLog}, "prctl", {{3, Op::kGe, 4}, {2, Op::kGt, 1ULL << 40}}}}}));
  EXPECT_EQ(seal.landlock, (std::vector<LandlockPath>{{"/usr", false}, {"/srv/data", true}}));
}

}  // namespace contained::protocol
