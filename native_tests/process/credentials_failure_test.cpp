// What the kernel refuses, or pretends to have done: each by its own stage, and no program runs.
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>

#include "process/credentials.hpp"
#include "process/spawn.hpp"
#include "support/child_run.hpp"
#include "support/elsewhere.hpp"
#include "support/filter.hpp"

namespace contained::process {
namespace {

using test::become_nobody;
using test::elsewhere;
using test::kNobody;

std::string failure(const Credentials& who) {
  auto spec = test::spec_for({"/bin/echo", "ran"});
  spec.who = who;
  Refused refused;
  const auto outcome = test::run(spec, refused);
  const bool ran = outcome.out == "ran\n";
  EXPECT_EQ(ran, !outcome.error);
  return test::failure_of(outcome);
}

std::string as_nobody(const Credentials& who) {
  return elsewhere(become_nobody, [&] { return failure(who); });
}

class Unprivileged : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become nobody";
  }
};

TEST_F(Unprivileged, AnotherUserIsRefused) {
  EXPECT_EQ(as_nobody({.uid = 1, .gid = kNobody}), "ids: eperm (uid)");
  EXPECT_EQ(as_nobody({.uid = 0, .gid = 0}), "ids: eperm (gid)");
  EXPECT_EQ(as_nobody({.gid = 1}), "ids: eperm (gid)");
  EXPECT_EQ(as_nobody({.groups = {{1}}}), "ids: eperm (groups)");
}

TEST_F(Unprivileged, OneMayBecomeWhatOneIs) {
  EXPECT_EQ(as_nobody({.uid = kNobody, .gid = kNobody}), "ok");
}

TEST_F(Unprivileged, MoreImportanceIsRefused) {
  EXPECT_EQ(as_nobody({.nice = -5}), "nice: eacces");
  EXPECT_EQ(as_nobody({.oom_score_adj = -500}), "oom_score_adj: eacces");
  EXPECT_EQ(as_nobody({.limits = {{RLIMIT_NOFILE, {100, 1U << 30}}}}), "rlimit: eperm (nofile)");
}

TEST_F(Unprivileged, LessIsGranted) {
  EXPECT_EQ(as_nobody({.umask = 077,
                       .nice = 5,
                       .oom_score_adj = 500,
                       .limits = {{RLIMIT_NOFILE, {100, 100}}},
                       .no_new_privs = true}),
            "ok");
}

TEST_F(Unprivileged, CapabilitiesAreOutOfReach) {
  EXPECT_EQ(as_nobody({.capabilities = Capabilities{kAllCapabilities, 0}}),
            "capabilities: eperm (chown)");
  EXPECT_EQ(as_nobody({.capabilities = Capabilities{0, CapSet{1} << 10}}),
            "capabilities: eperm (net_bind_service)");
}

TEST(RefusedCredentials, WhatMakesNoSense) {
  EXPECT_EQ(failure({.limits = {{RLIMIT_NOFILE, {2, 1}}}}), "rlimit: einval (nofile)");
  EXPECT_EQ(failure({.limits = {{99, {1, 1}}}}), "rlimit: einval");
  EXPECT_EQ(failure({.oom_score_adj = 1001}), "oom_score_adj: einval");
  EXPECT_EQ(failure({.uid = 1}), "ids: einval (gid)");
}

// The kernel clamps nice and says nothing.
TEST_F(Unprivileged, AValueThatTheKernelChangesIsAFailure) {
  EXPECT_EQ(failure({.nice = 40}), "nice: erange");
  EXPECT_EQ(failure({.nice = -40}), "nice: erange");
}

TEST_F(Unprivileged, TooManyGroupsAreRefused) {
  std::vector<gid_t> groups(65537);
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<gid_t>(i);
  EXPECT_EQ(failure({.groups = groups}), "ids: einval (groups)");
}

// ---- A filter that answers for the kernel

class Filtered : public Unprivileged {
 protected:
  static std::string under(const test::FilteredCall& call, const Credentials& who) {
    return elsewhere([&] { test::filter_call(call); }, [&] { return failure(who); });
  }
  static std::string refused(long number, const Credentials& who) {
    return under({.number = number, .answer = EAGAIN}, who);
  }
  static std::string pretended(long number, const Credentials& who) {
    return under({.number = number}, who);
  }
};

const Credentials kOther = {.uid = 1, .gid = 1, .groups = {{3}}};

TEST_F(Filtered, IdsAreToldAsTheKernelRefusesThem) {
  EXPECT_EQ(refused(SYS_setgroups, kOther), "ids: eagain (groups)");
  EXPECT_EQ(refused(SYS_setresgid, kOther), "ids: eagain (gid)");
  EXPECT_EQ(refused(SYS_setresuid, kOther), "ids: eagain (uid)");
}

TEST_F(Filtered, IdsAreReadBack) {
  EXPECT_EQ(pretended(SYS_setgroups, kOther), "ids: eperm (groups)");
  EXPECT_EQ(pretended(SYS_setresgid, kOther), "ids: eperm (gid)");
  EXPECT_EQ(pretended(SYS_setresuid, kOther), "ids: eperm (uid)");
}

TEST_F(Filtered, TheRestIsReadBack) {
  EXPECT_EQ(pretended(SYS_setpriority, {.nice = 3}), "nice: erange");
  EXPECT_EQ(pretended(SYS_capset, {.capabilities = Capabilities{1, 0}}), "capabilities: eperm");
  EXPECT_EQ(under({.number = SYS_prctl, .argument = PR_CAPBSET_DROP},
                  {.capabilities = Capabilities{1, 0}}),
            "capabilities: eperm (chown)");
  EXPECT_EQ(under({.number = SYS_prctl, .argument = PR_SET_NO_NEW_PRIVS}, {.no_new_privs = true}),
            "no_new_privs: eperm");
}

TEST_F(Filtered, CapabilitiesAndPrivilegesAreToldAsTheKernelRefusesThem) {
  EXPECT_EQ(refused(SYS_capset, {.capabilities = Capabilities{1, 0}}), "capabilities: eagain");
  EXPECT_EQ(under({.number = SYS_prctl, .argument = PR_SET_NO_NEW_PRIVS, .answer = ENOSYS},
                  {.no_new_privs = true}),
            "no_new_privs: enosys");
}

}  // namespace
}  // namespace contained::process
