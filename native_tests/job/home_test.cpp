// Where namespaces are, and who may have made what is there (torture cases 102 and 105).
#include "job/home.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "cgroup/layout.hpp"
#include "job/namespace.hpp"
#include "job/record.hpp"
#include "support/temp_dir.hpp"

namespace contained::job {
namespace {

class Homes : public testing::Test {
 protected:
  Homes() {
    ::setenv("CONTAINED_RUNTIME_DIR", temp_.path("run").c_str(), 1);
    ::setenv("CONTAINED_LOG_DIR", temp_.path("log").c_str(), 1);
  }
  ~Homes() override {
    ::unsetenv("CONTAINED_RUNTIME_DIR");
    ::unsetenv("CONTAINED_LOG_DIR");
    for (const char* name : {"XDG_RUNTIME_DIR", "XDG_STATE_HOME"}) ::unsetenv(name);
  }

  // No groups: "none" is in no hierarchy.
  static Result<Namespace> make(const Heir& heir = {::geteuid(), ::getegid()}) {
    return Namespace::make("ns", heir, "/nowhere");
  }
  static mode_t mode_of(const std::string& path) {
    struct stat info = {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }
  static uid_t owner_of(const std::string& path) {
    struct stat info = {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_uid : static_cast<uid_t>(-1);
  }
  static int code_of(const Result<Namespace>& space) { return space ? 0 : space.error().code; }

  test::TempDir temp_;
};

TEST_F(Homes, AreSaidByTheEnvironment) {
  EXPECT_EQ(*runtime_home(), temp_.path("run"));
  EXPECT_EQ(*log_home(), temp_.path("log"));
}

TEST_F(Homes, ThatAreRelativeAreRefused) {
  ::setenv("CONTAINED_RUNTIME_DIR", "run", 1);
  ::setenv("CONTAINED_LOG_DIR", "log", 1);
  EXPECT_EQ(runtime_home().error().code, EINVAL);
  EXPECT_EQ(runtime_home().error().subject, "CONTAINED_RUNTIME_DIR");
  EXPECT_EQ(log_home().error().subject, "CONTAINED_LOG_DIR");
}

TEST_F(Homes, OfRootAreTheSystems) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ::unsetenv("CONTAINED_RUNTIME_DIR");
  ::unsetenv("CONTAINED_LOG_DIR");
  ::setenv("XDG_RUNTIME_DIR", "/run/user/0", 1);
  EXPECT_EQ(*runtime_home(), "/run/contained");
  EXPECT_EQ(*log_home(), "/var/log/contained");
}

// What the user has is tried as one; a child, since ids are the process's.
template <class Body>
int as_user(const Body& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 &&
        (::setresgid(12345, 12345, 12345) < 0 || ::setresuid(12345, 12345, 12345) < 0)) {
      ::_exit(100);
    }
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

TEST_F(Homes, OfAUserWithoutXdgAreInTmp) {
  ::unsetenv("CONTAINED_RUNTIME_DIR");
  ::setenv("XDG_RUNTIME_DIR", "relative", 1);  // is to be ignored
  EXPECT_EQ(as_user([] {
              const auto home = runtime_home();
              return home && *home == "/tmp/contained-" + std::to_string(::geteuid()) ? 0 : 1;
            }),
            0);
}

TEST_F(Homes, OfAnotherUserAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, whose directory is another user's";
  ::unsetenv("CONTAINED_RUNTIME_DIR");
  ::setenv("XDG_RUNTIME_DIR", "/root", 1);
  EXPECT_EQ(as_user([] {
              const auto home = runtime_home();
              return !home && home.error().code == EPERM ? 0 : 1;
            }),
            0);
}

TEST_F(Homes, LogsOfAUserWithoutAnyHomeAreRefusedWithAdvice) {
  ::unsetenv("CONTAINED_LOG_DIR");
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become a user without an entry in passwd";
  ::setenv("XDG_STATE_HOME", "relative", 1);
  EXPECT_EQ(as_user([] {
              ::unsetenv("HOME");
              const auto home = log_home();
              return !home && home.error().subject == "CONTAINED_LOG_DIR" ? 0 : 1;
            }),
            0);
}

TEST_F(Homes, ANamespaceIsMadeOnceAndFoundAgain) {
  ASSERT_TRUE(make());
  ASSERT_TRUE(make()) << "idempotent";
  const auto space = Namespace::open("ns");
  ASSERT_TRUE(space);
  EXPECT_EQ(space->path(), temp_.path("run/ns"));
  EXPECT_EQ(space->logs(), temp_.path("log/ns"));
  EXPECT_EQ(mode_of(temp_.path("run/ns/jobs")), 0700U);
  EXPECT_EQ(namespaces(), std::vector<std::string>{"ns"});
  EXPECT_EQ(code_of(Namespace::open("other")), ENOENT);
}

TEST_F(Homes, ANamespaceGoesWithAllButItsLogs) {
  ASSERT_TRUE(make());
  ASSERT_TRUE(std::move(Namespace::open("ns").value()).remove());
  EXPECT_FALSE(std::filesystem::exists(temp_.path("run/ns")));
  EXPECT_TRUE(std::filesystem::exists(temp_.path("log/ns")));
}

// After a reboot, or when the unit that it was in was started anew.
TEST_F(Homes, GroupsThatAreGoneAreMadeWhereTheyWere) {
  const auto layout = cgroup::find_layout();
  const auto base = layout ? cgroup::choose_base(*layout, "") : Result<std::string>(layout.error());
  if (!base) GTEST_SKIP() << "needs cgroup v2: " << base.error().message();
  const auto unit = *base + "/contained-test-" + std::to_string(::getpid());
  if (::mkdir(unit.c_str(), 0755) < 0) GTEST_SKIP() << "needs a group to make others in";
  const auto space = Namespace::make("ns", {::geteuid(), ::getegid()}, unit);
  ASSERT_TRUE(space);
  EXPECT_EQ(space->plot().path, unit + "/contained-jobs-ns");
  ASSERT_TRUE(remove(space->plot()));
  auto again = Namespace::open("ns");
  ASSERT_TRUE(again);
  again->renew_plot();
  EXPECT_EQ(again->plot().path, unit + "/contained-jobs-ns");
  EXPECT_TRUE(remove(again->plot()));
  ::rmdir(unit.c_str());
  again->renew_plot();
  EXPECT_NE(again->plot().path, unit + "/contained-jobs-ns") << "the unit is gone, too";
  (void)remove(again->plot());
}

TEST_F(Homes, ANamespaceForAUserIsHisOnlyWhereHeWorks) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_TRUE(make({12345, 12345}));
  EXPECT_EQ(owner_of(temp_.path("run/ns")), 0U);
  EXPECT_EQ(owner_of(temp_.path("run/ns/namespace")), 0U);
  EXPECT_EQ(owner_of(temp_.path("run/ns/jobs")), 12345U);
  EXPECT_EQ(owner_of(temp_.path("log/ns")), 12345U);
  EXPECT_TRUE(make({12345, 12345})) << "idempotent";
  EXPECT_EQ(code_of(make({12346, 12346})), EEXIST) << "another's";
  EXPECT_EQ(code_of(make()), EEXIST) << "root is another, too";
  EXPECT_EQ(code_of(Namespace::open("ns")), EPERM) << "root works in nobody else's";
}

TEST_F(Homes, OnlyRootMakesThemForOthers) {
  EXPECT_EQ(as_user([] { return code_of(make({::geteuid() + 1, 1})) == EPERM ? 0 : 1; }), 0);
}

// Torture case 105: a directory that somebody has put there before.
TEST_F(Homes, SquattedOnesAreRefused) {
  std::filesystem::create_directory(temp_.path("run"));
  ASSERT_EQ(::chmod(temp_.path("run").c_str(), 0777), 0);
  EXPECT_EQ(code_of(make()), EPERM) << "everybody can write to it";
  ASSERT_EQ(::chmod(temp_.path("run").c_str(), 0755), 0);
  std::filesystem::create_directory(temp_.path("elsewhere"));
  std::filesystem::create_symlink(temp_.path("elsewhere"), temp_.path("run/ns"));
  const auto made = code_of(make());
  EXPECT_TRUE(made == ELOOP || made == ENOTDIR) << made;
  EXPECT_TRUE(std::filesystem::is_empty(temp_.path("elsewhere")));
}

TEST_F(Homes, OnesOfAnotherUserAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give a directory away";
  std::filesystem::create_directory(temp_.path("run"));
  ASSERT_EQ(::chown(temp_.path("run").c_str(), 12345, 12345), 0);
  EXPECT_EQ(code_of(make()), EPERM);
  std::filesystem::create_directory(temp_.path("log"));
  ASSERT_EQ(::chown(temp_.path("run").c_str(), 0, 0), 0);
  ASSERT_EQ(::chown(temp_.path("log").c_str(), 12345, 12345), 0);
  EXPECT_EQ(code_of(make()), EPERM) << "root logs nowhere where another could exchange the files";
}

// Torture case 102.
TEST_F(Homes, AReadOnlyDirectoryIsAnErrorThatNamesIt) {
  ::setenv("CONTAINED_RUNTIME_DIR", "/proc/contained", 1);
  const auto made = make();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().subject, "/proc/contained");
}

}  // namespace
}  // namespace contained::job
