#include "process/seccomp.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/child_run.hpp"

namespace contained::process {
namespace {

using Kind = SeccompAction::Kind;
using Op = SeccompCondition::Op;

constexpr SeccompAction kAllow = {};
constexpr SeccompAction kKill = {Kind::kKill};
constexpr SeccompAction kLog = {Kind::kLog};
constexpr SeccompAction kDeny = {Kind::kErrno, EPERM};
constexpr SeccompAction kMissing = {Kind::kErrno, ENOSYS};

SeccompProfile denying(std::vector<SeccompRule> rules) { return {kAllow, std::move(rules)}; }

SeccompProfile allowing(const std::vector<std::string>& calls, SeccompAction otherwise = kKill) {
  SeccompProfile profile = {otherwise, {}};
  for (const auto& call : calls) profile.rules.push_back({kAllow, call});
  return profile;
}

std::string refusal(const SeccompProfile& profile) {
  const auto filter = compile(profile);
  return filter ? "ok" : filter.error().message();
}

class Seccomp : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!seccomp_available()) GTEST_SKIP() << "needs seccomp filters, and a build with libseccomp";
  }

  test::Outcome run(const SeccompProfile& profile, std::vector<std::string> argv,
                    std::vector<std::string> candidates = {}) {
    auto spec = test::spec_for(std::move(argv));
    spec.candidates = std::move(candidates);
    auto filter = compile(profile);
    EXPECT_TRUE(filter.ok()) << refusal(profile);
    if (!filter) return {filter.error(), {}, {}};
    spec.seal.filter = std::make_shared<SeccompFilter>(std::move(*filter));
    auto last_word = LastWord::make();
    spec.seal.last_word = last_word ? *last_word : nullptr;
    auto outcome = test::run(spec, refused_);
    if (!outcome.error) outcome.error = spec.seal.last_word->heard();
    return outcome;
  }

  std::string out(const SeccompProfile& profile, std::vector<std::string> argv) {
    const auto outcome = run(profile, std::move(argv));
    EXPECT_EQ(test::failure_of(outcome), "ok");
    return outcome.out;
  }

 private:
  Refused refused_;
};

// ---- What is compiled

TEST_F(Seccomp, AnUnknownCallIsNamed) {
  EXPECT_EQ(refusal(denying({{kDeny, "keyctl"}, {kDeny, "no_such_call"}})),
            "seccomp: einval (no_such_call)");
}

TEST_F(Seccomp, ACallOfAnotherArchitectureIsNone) {
  EXPECT_EQ(refusal(denying({{kDeny, "vm86"}, {kDeny, "s390_runtime_instr"}})), "ok");
}

TEST_F(Seccomp, ARuleThatSaysTheSameAsTheDefaultMayStand) {
  EXPECT_EQ(refusal(denying({{kAllow, "getpid"}, {kDeny, "keyctl"}})), "ok");
  EXPECT_EQ(refusal(denying({{kAllow, "getpid", {{0, Op::kEq, 1}}}})), "seccomp: einval (getpid)");
}

TEST_F(Seccomp, AnArgumentStandsOnce) {
  EXPECT_EQ(refusal(denying({{kDeny, "socket", {{0, Op::kGe, 1}, {0, Op::kLe, 5}}}})),
            "seccomp: einval (socket)");
}

TEST_F(Seccomp, NobodyIsToBeKilledByTheExec) {
  const std::string refused = "seccomp: einval (execve)";
  EXPECT_EQ(refusal(allowing({"write"})), refused);
  EXPECT_EQ(refusal(denying({{kKill, "execve"}})), refused);
  EXPECT_EQ(refusal(denying({{kKill, "execve", {{0, Op::kEq, 1}}}})), refused);
  EXPECT_EQ(refusal({kKill, {{kAllow, "execve", {{0, Op::kEq, 1}}}}}), refused);
  EXPECT_EQ(refusal(allowing({"execve"})), "ok");
  EXPECT_EQ(refusal(allowing({"write"}, kDeny)), "ok");
}

TEST_F(Seccomp, MoreThanCanBeCompiledSoonIsRefused) {
  SeccompProfile profile;
  for (std::uint64_t i = 0; i < kMostConditions; ++i) {
    profile.rules.push_back({kDeny, "socket", {{0, Op::kEq, i}}});
  }
  EXPECT_EQ(refusal(profile), "ok");
  profile.rules.push_back({kDeny, "socket", {{0, Op::kEq, kMostConditions}}});
  EXPECT_EQ(refusal(profile), "seccomp: e2big");
  EXPECT_EQ(refusal(denying(std::vector<SeccompRule>(kMostRules + 1, {kDeny, "ptrace"}))),
            "seccomp: e2big");
}

// ---- What it does

TEST_F(Seccomp, OnlyWhatIsNamedIsRefused) {
  EXPECT_EQ(out(denying({{kDeny, "ptrace"}, {kMissing, "clone3"}}),
                {"try_calls", "ptrace", "clone3", "keyctl", "getppid", "fork"}),
            "ptrace 1\nclone3 38\nkeyctl 95\ngetppid 0\nfork 0\n");
}

TEST_F(Seccomp, IsInheritedOverForkAndExec) {
  const auto line = "true; " + test::helper("try_calls") + " ptrace; true";
  EXPECT_EQ(out(denying({{kDeny, "ptrace"}}), {"/bin/sh", "-c", line}), "ptrace 1\n");
}

TEST_F(Seccomp, NoPrivilegesCanBeGainedUnderIt) {
  EXPECT_EQ(out(denying({{kLog, "keyctl"}}), {"/bin/grep", "NoNewPrivs", "/proc/self/status"}),
            "NoNewPrivs:\t1\n");
}

// A filter that knew x86_64 alone would let these through, or kill.
TEST_F(Seccomp, OtherArchitecturesAreNoWayAroundIt) {
  const auto profile = denying({{kDeny, "ptrace"}});
  EXPECT_EQ(out(denying({}), {"try_calls", "ptrace"}), "ptrace 3\n");
  const auto by_int80 = out(profile, {"try_calls", "int80_ptrace"});
  const auto by_x32 = out(profile, {"try_calls", "x32_ptrace"});
  if (by_int80 == "int80_ptrace none\n") GTEST_SKIP() << "needs x86_64 with IA32_EMULATION";
  EXPECT_EQ(by_int80, "int80_ptrace 1\n");
  EXPECT_EQ(by_x32, "x32_ptrace 1\n");
}

TEST_F(Seccomp, ArgumentsDecide) {
  constexpr std::uint64_t kNewNs = 0x20000;
  constexpr std::uint64_t kTiocsti = 0x5412;
  const auto profile = denying({{kDeny, "clone", {{0, Op::kMasked, kNewNs, kNewNs}}},
                                {kDeny, "ioctl", {{1, Op::kMasked, kTiocsti, 0xffffffff}}},
                                {kDeny, "socket", {{0, Op::kEq, 40}, {1, Op::kGt, 9000}}}});
  EXPECT_EQ(out(profile, {"try_calls", "clone_newns", "fork", "tiocsti", "tiocsti_high", "socket"}),
            "clone_newns 1\nfork 0\ntiocsti 1\ntiocsti_high 1\nsocket 1\n");
}

TEST_F(Seccomp, AKilledProgramIsNotTakenForAFailedExec) {
  const auto outcome = run(denying({{kKill, "ptrace"}}), {"try_calls", "getppid", "ptrace"});
  EXPECT_EQ(test::failure_of(outcome), "ok");
  EXPECT_EQ(outcome.out, "getppid 0\n");
  EXPECT_EQ(outcome.status.code, SIGSYS);
}

// ---- What becomes of the exec

TEST_F(Seccomp, AForbiddenExecIsTold) {
  const auto outcome = run(denying({{kDeny, "execve"}}), {"/bin/true"});
  EXPECT_EQ(test::failure_of(outcome), "exec: eperm");
}

// The child that can neither write nor exit is killed; what it was about is known all the same.
TEST_F(Seccomp, AFailedExecIsToldWithoutASystemCall) {
  for (const auto otherwise : {kKill, kDeny}) {
    const auto outcome = run(allowing({"execve"}, otherwise), {"/no/such"});
    EXPECT_EQ(test::failure_of(outcome), "exec: enoent");
    EXPECT_FALSE(outcome.status.exited);
  }
}

TEST_F(Seccomp, TheProgramIsLookedForBefore) {
  const std::vector<std::string> path = {"/no/such/true", "/etc", "/bin/true"};
  auto profile = denying({{kKill, "newfstatat"}, {kKill, "stat"}});
  auto outcome = run(profile, {"true"}, {"/no/such/true", "/etc", "/no/more"});
  EXPECT_EQ(test::failure_of(outcome), "exec: enoent");
  outcome = run(denying({{kDeny, "ptrace"}}), {"true"}, path);
  EXPECT_EQ(test::failure_of(outcome), "ok");
  EXPECT_EQ(outcome.status, (ExitStatus{true, 0, false}));
}

}  // namespace
}  // namespace contained::process
