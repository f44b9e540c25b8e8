// Each thing that can be asked, as the program sees it. Refusals: credentials_failure_test.
#include "process/child_credentials.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "process/spawn.hpp"
#include "support/child_run.hpp"
#include "support/temp_dir.hpp"

namespace contained::process {
namespace {

using test::failure_of;

constexpr uid_t kNobody = 65534;
constexpr CapSet kChown = 1;
constexpr CapSet kBind = CapSet{1} << 10;

class BecomeBy : public ::testing::TestWithParam<bool> {
 protected:
  std::string shell(const Credentials& who, const std::string& script) {
    auto spec = test::spec_for({"/bin/sh", "-c", script});
    spec.who = who;
    const auto outcome = test::run(spec, refused_);
    EXPECT_EQ(failure_of(outcome), "ok");
    return outcome.out;
  }
  // Lines of /proc/self/status without their tabs: "Uid: 1 1 1 1".
  std::string status(const Credentials& who, const std::string& lines) {
    return shell(who, "grep -E '^(" + lines + "):' /proc/self/status | tr -s '\\t ' '  '");
  }

  Refused refused_{.clone3 = GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Fork, BecomeBy, ::testing::Bool());

class Become : public BecomeBy {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};
INSTANTIATE_TEST_SUITE_P(Fork, Become, ::testing::Bool());

TEST_P(Become, AUserInAGroupWithoutOthers) {
  EXPECT_EQ(status({.uid = kNobody, .gid = kNobody}, "Uid|Gid|Groups"),
            "Uid: 65534 65534 65534 65534\nGid: 65534 65534 65534 65534\nGroups: \n");
}

TEST_P(Become, AGroupAlone) {
  EXPECT_EQ(status({.gid = 7}, "Uid|Gid|Groups"), "Uid: 0 0 0 0\nGid: 7 7 7 7\nGroups: \n");
}

TEST_P(Become, TheGroupsAskedForAndNoOthers) {
  EXPECT_EQ(status({.uid = 1, .gid = 2, .groups = {{9, 4, 9}}}, "Gid|Groups"),
            "Gid: 2 2 2 2\nGroups: 4 9 \n");
  EXPECT_EQ(status({.groups = {{5}}}, "Uid|Groups"), "Uid: 0 0 0 0\nGroups: 5 \n");
}

TEST_P(Become, AsManyGroupsAsThereCanBe) {
  std::vector<gid_t> groups(65536);
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<gid_t>(100'000 + i);
  EXPECT_EQ(shell({.gid = 1, .groups = groups}, "id -G | wc -w"), "65537\n");
}

TEST_P(Become, TheLargestIds) {
  constexpr id_t kLast = 4294967294U;
  EXPECT_EQ(status({.uid = kLast, .gid = kLast}, "Uid"),
            "Uid: 4294967294 4294967294 4294967294 4294967294\n");
}

TEST_P(Become, AUserHasNoCapabilities) {
  EXPECT_EQ(status({.uid = 1, .gid = 1}, "CapPrm|CapEff|CapAmb"),
            "CapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapAmb: 0000000000000000\n");
}

TEST_P(Become, TheDirectoryAndTheProgramAreTheUsersToEnter) {
  const test::TempDir dir;  // 0700
  auto spec = test::spec_for({"/bin/true"});
  spec.who = {.uid = kNobody, .gid = kNobody};
  spec.cd = dir.path();
  EXPECT_EQ(failure_of(test::run(spec, refused_)), "chdir: eacces");
  spec = test::spec_for({dir.file("program", "#!/bin/sh\n", 0755)});
  spec.who = {.uid = kNobody, .gid = kNobody};
  EXPECT_EQ(failure_of(test::run(spec, refused_)), "exec: eacces");
}

TEST_P(Become, AMoreImportantProcess) {
  EXPECT_EQ(shell({.nice = -7}, "nice"), "-7\n");
}

TEST_P(Become, AProcessThatMemoryIsKeptFor) {
  const auto line = status({}, "CapEff");
  const auto effective = std::stoull(line.substr(line.find(' ')), nullptr, 16);
  if ((effective >> 24 & 1) == 0) GTEST_SKIP() << "needs CAP_SYS_RESOURCE";
  EXPECT_EQ(shell({.oom_score_adj = -900}, "cat /proc/self/oom_score_adj"), "-900\n");
}

TEST_P(BecomeBy, ALessImportantProcess) {
  EXPECT_EQ(shell({.nice = 19}, "nice"), "19\n");
  EXPECT_EQ(shell({.oom_score_adj = 1000}, "cat /proc/self/oom_score_adj"), "1000\n");
}

TEST_P(BecomeBy, Limits) {
  const Credentials who = {
      .limits = {{RLIMIT_NOFILE, {50, 60}}, {RLIMIT_CORE, {0, 0}}, {RLIMIT_CPU, {5, 6}}}};
  EXPECT_EQ(shell(who, "ulimit -Sn; ulimit -Hn; ulimit -Hc; ulimit -St; ulimit -Ht"),
            "50\n60\n0\n5\n6\n");
}

TEST_P(BecomeBy, TheLimitOfOpenFilesAskedForWins) {
  auto spec = test::spec_for({"/bin/sh", "-c", "ulimit -Sn"});
  spec.open_files = rlimit{200, 300};
  spec.who.limits = {{RLIMIT_NOFILE, {100, 300}}};
  EXPECT_EQ(test::run(spec, refused_).out, "100\n");
}

TEST_P(BecomeBy, AMask) {
  EXPECT_EQ(shell({.umask = 0}, "umask"), "0000\n");
  EXPECT_EQ(shell({.umask = 0777}, "umask"), "0777\n");
}

TEST_P(BecomeBy, NoNewPrivileges) {
  EXPECT_EQ(status({.no_new_privs = true}, "NoNewPrivs"), "NoNewPrivs: 1\n");
}

TEST_P(BecomeBy, NothingThatIsNotAsked) {
  const auto lines = "Uid|Gid|Groups|Umask|NoNewPrivs|Cap.*";
  EXPECT_EQ(status({.nice = ::getpriority(PRIO_PROCESS, 0)}, lines), status({}, lines));
}

// ---- Capabilities

std::string caps(CapSet inheritable, CapSet effective, CapSet bounding, CapSet ambient) {
  const auto line = [](const char* name, CapSet set) {
    return fmt::format("Cap{}: {:016x}\n", name, set);
  };
  return line("Inh", inheritable) + line("Prm", effective) + line("Eff", effective) +
         line("Bnd", bounding) + line("Amb", ambient);
}

class BecomeCapable : public Become {
 protected:
  std::string cap_lines(const Credentials& who) { return status(who, "Cap.*"); }

  CapSet bounding() {
    const auto line = status({}, "CapBnd");
    return std::stoull(line.substr(line.find(' ')), nullptr, 16);
  }
};
INSTANTIATE_TEST_SUITE_P(Fork, BecomeCapable, ::testing::Bool());

TEST_P(BecomeCapable, RootWithoutAny) {
  EXPECT_EQ(cap_lines({.capabilities = Capabilities{kAllCapabilities, 0}}), caps(0, 0, 0, 0));
}

TEST_P(BecomeCapable, RootWithoutOne) {
  const auto rest = bounding() & ~kChown;
  EXPECT_EQ(cap_lines({.capabilities = Capabilities{kChown, 0}}), caps(0, rest, rest, 0));
}

TEST_P(BecomeCapable, RootWithOneOnly) {
  EXPECT_EQ(cap_lines({.capabilities = Capabilities{~kChown, 0}}), caps(0, kChown, kChown, 0));
  const Credentials root = {.uid = 0, .gid = 0, .capabilities = Capabilities{~kChown, 0}};
  EXPECT_EQ(cap_lines(root), caps(0, kChown, kChown, 0));
}

TEST_P(BecomeCapable, AUserWithAnAmbientOne) {
  const Credentials who = {.uid = 1, .gid = 1, .capabilities = Capabilities{0, kBind}};
  EXPECT_EQ(cap_lines(who), caps(kBind, kBind, bounding(), kBind));
}

TEST_P(BecomeCapable, AUserWithAnAmbientOneAndNoOtherInReach) {
  const Credentials who = {
      .uid = 1, .gid = 1, .no_new_privs = true, .capabilities = Capabilities{~kBind, kBind}};
  EXPECT_EQ(cap_lines(who), caps(kBind, kBind, kBind, kBind));
}

TEST_P(BecomeCapable, RootWithAnAmbientOne) {
  EXPECT_EQ(cap_lines({.capabilities = Capabilities{~kBind, kBind}}),
            caps(kBind, kBind, kBind, kBind));
}

// ---- The signal of the parent's death is set after all this

pid_t fork_spawner(const Credentials& who, Refused refused, int tell) {
  const pid_t spawner = ::fork();
  if (spawner != 0) return spawner;
  auto spec = test::spec_for({"/bin/sleep", "120"});
  spec.who = who;
  const auto spawned = spawn(spec, refused);
  const pid_t child = spawned ? spawned.value().child.pid() : 0;
  if (spawned) test::exec_status(spawned.value());
  if (::write(tell, &child, sizeof child) == sizeof child) ::pause();
  ::_exit(1);
}

TEST_P(Become, TheChildStillDiesWithItsSpawner) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto pipe = make_pipe();
  const Credentials who = {.uid = 1, .gid = 1, .capabilities = Capabilities{0, kBind}};
  const pid_t spawner = fork_spawner(who, refused_, pipe->write.get());
  pid_t child = 0;
  ASSERT_EQ(::read(pipe->read.get(), &child, sizeof child), ssize_t{sizeof child});
  ASSERT_GT(child, 0);
  ::kill(spawner, SIGKILL);
  ASSERT_EQ(::waitpid(spawner, nullptr, 0), spawner);
  int status = 0;
  EXPECT_TRUE(test::eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; }));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

}  // namespace
}  // namespace contained::process
