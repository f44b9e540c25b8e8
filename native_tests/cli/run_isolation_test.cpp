// `contained run`: what of the machine a command does not share, as whom it runs, what it may not
// do; and what is said where that cannot be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <filesystem>

#include "process/landlock.hpp"
#include "process/trial.hpp"
#include "support/isolated.hpp"
#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace contained::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Words = std::vector<std::string>;

// Options, and a script.
Asked run_asked(Words options, const std::string& script) {
  options.insert(options.begin(), "run");
  options.insert(options.end(), {"--", "sh", "-c", script});
  return contained(std::move(options));
}

Came run(Words options, const std::string& script = "true") {
  return run_program(run_asked(std::move(options), script));
}

// With a user namespace, too, where namespaces take one.
Came run_isolated(Words options, const std::string& script = "true") {
  if (::geteuid() != 0) options.insert(options.begin(), {"--namespace", "user"});
  return run(std::move(options), script);
}

// As somebody without capabilities: everybody but root is.
Came run_powerless(Words options) {
  auto asked = run_asked(std::move(options), "true");
  const Words fall = {"/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all"};
  if (::geteuid() == 0) asked.words.insert(asked.words.begin(), fall.begin(), fall.end());
  return run_program(asked);
}

void expect_refused(const Came& came, const std::string& line) {
  EXPECT_EQ(came.code(), 125);
  EXPECT_EQ(came.err, "contained: " + line + "\n");
}

#define CONTAINED_NEEDS_A_FALL()                                                \
  if (::geteuid() == 0 && ::prctl(PR_CAPBSET_READ, 8 /* CAP_SETPCAP */) != 1) { \
    GTEST_SKIP() << "needs CAP_SETPCAP, to do without capabilities";            \
  }                                                                             \
  if (::access("/usr/bin/setpriv", X_OK) != 0) GTEST_SKIP() << "needs setpriv(1)"

class RunIsolation : public testing::Test {
 protected:
  void SetUp() override {
    CONTAINED_NEEDS_NAMESPACES();
    for (const char* name : {"from", "to"}) std::filesystem::create_directory(temp_.path(name));
    temp_.file("from/file", "precious\n", 0644);
  }
  std::string from() const { return temp_.path("from"); }
  std::string to() const { return temp_.path("to"); }

  TempDir temp_;
};

TEST_F(RunIsolation, PidIsolationHidesTheProcessesOfOthers) {
  const auto came = run({"--pid-isolation"}, "echo $PPID; kill -0 " + std::to_string(::getpid()));
  EXPECT_THAT(came.out, StartsWith("1\n")) << came.err;
  EXPECT_THAT(came.err, HasSubstr("No such process"));
  EXPECT_EQ(came.code(), 1);
}

TEST_F(RunIsolation, WithoutANetworkThereIsLoopbackAlone) {
  const auto came = run_isolated({"--network", "none"}, "tail -n +3 /proc/net/dev | tr -d ' '");
  EXPECT_THAT(came.out, StartsWith("lo:")) << came.err;
  EXPECT_EQ(came.out.find('\n'), came.out.size() - 1);
}

TEST_F(RunIsolation, AHostnameOfItsOwn) {
  EXPECT_EQ(run_isolated({"--hostname", "inside"}, "uname -n").out, "inside\n");
}

TEST_F(RunIsolation, IdsAreMapped) {
  const auto map = [](unsigned id) { return "7:" + std::to_string(id); };
  const auto came =
      run({"--namespace", "user", "--map-uid", map(::geteuid()), "--map-gid", map(::getegid())},
          "id -u; id -g; touch " + from() + "/mine");
  EXPECT_EQ(came.out, "7\n7\n") << came.err;
  EXPECT_EQ(came.code(), 0) << "outside he is who he was";
}

// Links to the system's directories would lead out of the new root.
TEST_F(RunIsolation, ADirectoryBecomesTheRoot) {
  Words options;
  for (const std::string name : {"/usr", "/bin", "/lib", "/lib64"}) {
    if (!std::filesystem::exists(name)) continue;
    std::filesystem::create_directory(from() + name);
    options.insert(options.end(), {"--bind", name});
  }
  for (const char* way : {"--root", "--chroot"}) {
    auto all = options;
    all.insert(all.end(), {way, from(), "-E", "PATH=/usr/bin:/bin", "-C", "/"});
    const auto came = run_isolated(all, "cat file; test -e /proc || echo apart");
    EXPECT_EQ(came.out, "precious\napart\n") << way << ": " << came.err;
  }
}

TEST_F(RunIsolation, BindsAreReadOnlyUnlessAskedFor) {
  const auto there = from() + ":" + to();
  const auto script = "cat " + to() + "/file; echo new > " + to() + "/file";
  const auto reading = run_isolated({"--bind", there}, script);
  EXPECT_EQ(reading.out, "precious\n") << reading.err;
  EXPECT_THAT(reading.err, HasSubstr("Read-only file system"));
  EXPECT_EQ(content(from() + "/file"), "precious\n");
  EXPECT_EQ(run_isolated({"--bind", there + ":rw"}, script).code(), 0);
  EXPECT_EQ(content(from() + "/file"), "new\n");
}

TEST_F(RunIsolation, ATmpfsHidesWhatIsThereAndIsGoneAfterwards) {
  const auto came = run_isolated({"--tmpfs", from() + ":64K"},
                                 "ls " + from() + "; head -c 65537 /dev/zero > " + from() + "/x");
  EXPECT_EQ(came.out, "");
  EXPECT_THAT(came.err, HasSubstr("No space left on device"));
  EXPECT_EQ(content(from() + "/file"), "precious\n");
  EXPECT_FALSE(std::filesystem::exists(from() + "/x"));
}

TEST_F(RunIsolation, AReadOnlyRootWithAPlaceToWrite) {
  const auto came = run_isolated({"--read-only-root", "--tmpfs", to()},
                                 "echo x > " + to() + "/x && echo x > " + from() + "/x");
  EXPECT_THAT(came.err, HasSubstr("from/x: Read-only file system"));
  EXPECT_EQ(came.code(), 2) << "as sh has it";
}

TEST_F(RunIsolation, WhatIsNotThereIsToldOfWithAdvice) {
  const auto none = temp_.path("none");
  const std::string advice =
      ": No such file or directory; a source is a path of ours, a target must exist in the root or "
      "on a --tmpfs";
  expect_refused(run_isolated({"--bind", none + ":" + to()}), "mount: " + none + advice);
  expect_refused(run_isolated({"--tmpfs", none}), "mount: " + none + advice);
  expect_refused(run_isolated({"--root", none}), "mount: " + none + advice);
  expect_refused(
      run_isolated({"--bind", from() + ":" + from() + "/file"}),
      "mount: " + from() +
          "/file: Not a directory; a file goes upon a file, a directory upon a directory");
  expect_refused(
      run_isolated({"--network", from() + "/file"}),
      "network: " + from() + "/file: Invalid argument; it is no file of a network namespace");
}

TEST_F(RunIsolation, MapsThatOverlapAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to map more than one's own ids";
  expect_refused(run({"--namespace", "user", "--map-uid", "0:1000:2", "--map-uid", "1:5000:2"}),
                 "id_map: uid_map: Invalid argument; ranges may not overlap, inside or outside");
}

TEST(RunRefusals, WhatTakesPrivilegesSaysSo) {
  CONTAINED_NEEDS_A_FALL();
  const std::string eperm = ": Operation not permitted; ";
  const auto namespaces = eperm + "it takes root, or --namespace user beside it";
  expect_refused(run_powerless({"--network", "none"}), "namespace: net" + namespaces);
  expect_refused(run_powerless({"--hostname", "x"}), "namespace: uts" + namespaces);
  expect_refused(run_powerless({"--namespace", "pid"}), "namespace: pid" + namespaces);
  expect_refused(run_powerless({"--read-only-root"}), "namespace: mount" + namespaces);
  expect_refused(run_powerless({"-g", "tty"}),
                 "ids: gid" + eperm + "it takes root, or the capability");
  expect_refused(run_powerless({"-u", "nobody"}),
                 "ids: groups" + eperm + "it takes root, or the capability");
}

TEST(RunRefusals, WrongValuesAreToldWithTheRightOnes) {
  expect_refused(run({"--namespace", "pid,moon"}),
                 "run: --namespace: pid,moon: pid, mount, uts, ipc, net, user, cgroup, time");
  expect_refused(run({"--network", "lan"}),
                 "run: --network: lan: host, none, or the path of a network namespace");
  expect_refused(run({"--hostname", std::string(65, 'x')}),
                 "run: --hostname: " + std::string(65, 'x') + ": 1 to 64 bytes");
  expect_refused(run({"--map-uid", "0"}), "run: --map-uid: 0: INSIDE:OUTSIDE[:COUNT], numbers");
  expect_refused(run({"--root", "here"}), "run: --root: here: an absolute path");
  expect_refused(run({"--bind", "/a:b"}),
                 "run: --bind: /a:b: SOURCE[:TARGET][:ro|rw], absolute paths; ro without either");
  expect_refused(run({"--tmpfs", "/a:many"}),
                 "run: --tmpfs: /a:many: TARGET[:BYTES], an absolute path");
  expect_refused(run({"--seccomp", "strict"}), "run: --seccomp: strict: default or none");
  expect_refused(run({"-u", "4711471"}),
                 "run: --gid: is needed: there is no user 4711471 whose group it could be");
  expect_refused(run({"-u", "root:root:no-such"}),
                 "run: --uid: no-such: no such group, give a name or a number");
  expect_refused(run({"-u", "root:root:root", "--groups", "root"}),
                 "run: --groups: and groups behind --uid exclude each other");
  expect_refused(run({"-u", "root:root", "--groups", "no-such"}),
                 "run: --groups: no-such: no such group, give a name or a number");
  expect_refused(run({"--groups", "no-such"}),
                 "run: --groups: no-such: no such group, give a name or a number");
}

TEST(RunSeal, TheDefaultFilterRefusesCalls) {
  if (const auto tried = process::attempt_seccomp(); !tried)
    GTEST_SKIP() << "needs seccomp: " << tried.error().message();
  const std::string script =
      "grep -w Seccomp: /proc/self/status; " CONTAINED_HELPERS_DIR "/try_calls keyctl getppid";
  EXPECT_EQ(run({"--seccomp", "default"}, script).out, "Seccomp:\t2\nkeyctl 1\ngetppid 0\n");
  EXPECT_EQ(run({"--seccomp", "none"}, CONTAINED_HELPERS_DIR "/try_calls keyctl").out.find(" 1\n"),
            std::string::npos);
}

TEST(RunSeal, LandlockKeepsToThePathsThatAreGiven) {
  if (process::landlock_abi() == 0) GTEST_SKIP() << "needs Landlock (5.13, lsm=landlock)";
  const TempDir directory;
  const auto file = directory.file("file", "precious\n", 0644);
  const auto script = "cat " + file + "; echo new > " + file;
  const auto reading = run({"--landlock-read", "/"}, script);
  EXPECT_EQ(reading.out, "precious\n");
  EXPECT_THAT(reading.err, HasSubstr("Permission denied"));
  EXPECT_EQ(content(file), "precious\n");
  EXPECT_EQ(run({"--landlock-read", "/", "--landlock-write", directory.path()}, script).code(), 0);
  EXPECT_EQ(content(file), "new\n");
  expect_refused(run({"--landlock-read", "/", "--landlock-read", "/no/such"}),
                 "landlock: /no/such: No such file or directory; it must be there for the "
                 "command's user");
}

class RunUser : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to run commands as another user";
  }
};

TEST_F(RunUser, AUserHasHisGroupsAndNoOthers) {
  const auto his = run_program({.words = {"/bin/sh", "-c", "id nobody; id -G nobody"}}).out;
  EXPECT_EQ(run({"-u", "nobody"}, "id; id -G").out, his);
}

TEST_F(RunUser, GroupsAreThoseThatAreSaid) {
  EXPECT_EQ(run({"-u", "nobody", "-g", "tty", "--groups", "daemon,adm"}, "id -un; id -Gn").out,
            "nobody\ntty daemon adm\n");
  EXPECT_EQ(run({"-u", "nobody:tty:daemon"}, "id -Gn").out, "tty daemon\n");
  EXPECT_EQ(run({"-u", "12345", "-g", "54321"}, "id -u; id -G").out, "12345\n54321\n");
  EXPECT_EQ(run({"--groups", ""}, "id -G").out, "0\n");
}

}  // namespace
}  // namespace contained::test
