#include "engine/sealer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace contained::engine {
namespace {

using Kind = protocol::SeccompAction::Kind;

protocol::Seal denying(const std::string& call, const std::string& error = "eperm") {
  protocol::Seal seal;
  seal.seccomp = protocol::Seccomp{{}, {{{Kind::kErrno, error}, call, {}}}};
  return seal;
}

class SealerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!process::seccomp_available()) GTEST_SKIP() << "needs seccomp filters and libseccomp";
  }
  std::string refusal(const protocol::Seal& asked) {
    const auto seal = sealer_.seal(asked);
    return seal ? "ok" : seal.error().message();
  }
  Sealer sealer_;
};

TEST(Sealer, NothingAskedIsNothingSealed) {
  const auto seal = Sealer().seal({});
  ASSERT_TRUE(seal);
  EXPECT_TRUE(seal.value().open());
}

TEST(Sealer, PathsAreHandedOn) {
  const auto seal = Sealer().seal({{}, {{"/usr", false}, {"/tmp", true}}});
  ASSERT_TRUE(seal);
  EXPECT_FALSE(seal.value().open());
  EXPECT_EQ(seal.value().paths,
            (std::vector<process::LandlockPath>{{"/usr", false}, {"/tmp", true}}));
}

TEST_F(SealerTest, AProfileIsCompiledOnce) {
  const auto first = sealer_.seal(denying("ptrace"));
  const auto other = sealer_.seal(denying("keyctl"));
  const auto again = sealer_.seal(denying("ptrace"));
  ASSERT_TRUE(first && other && again);
  EXPECT_EQ(first.value().filter, again.value().filter);
  EXPECT_NE(first.value().filter, other.value().filter);
  EXPECT_NE(first.value().last_word, again.value().last_word);
}

TEST_F(SealerTest, OnlySoManyAreKept) {
  const auto first = sealer_.seal(denying("ptrace"));
  ASSERT_TRUE(first);
  for (const auto* error :
       {"enoent", "esrch", "eintr", "eio", "enxio", "e2big", "enoexec", "ebadf", "echild", "eagain",
        "enomem", "eacces", "efault", "ebusy", "eexist", "exdev"}) {
    ASSERT_EQ(refusal(denying("ptrace", error)), "ok");
  }
  const auto again = sealer_.seal(denying("ptrace"));
  ASSERT_TRUE(again);
  EXPECT_NE(first.value().filter, again.value().filter);
}

TEST_F(SealerTest, WhatThereIsNotIsNamed) {
  EXPECT_EQ(refusal(denying("no_such_call")), "seccomp: einval (no_such_call)");
  EXPECT_EQ(refusal(denying("ptrace", "enosuch")), "seccomp: einval (enosuch)");
  protocol::Seal seal;
  seal.seccomp = protocol::Seccomp{{Kind::kErrno, "enosuch"}, {}};
  EXPECT_EQ(refusal(seal), "seccomp: einval (enosuch)");
}

}  // namespace
}  // namespace contained::engine
