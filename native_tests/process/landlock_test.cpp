#include "process/landlock.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "support/child_run.hpp"
#include "support/filter.hpp"
#include "support/temp_dir.hpp"

namespace contained::process {
namespace {

// What a shell and its libraries are.
const std::vector<LandlockPath> kSystem = {
    {"/usr"}, {"/bin"}, {"/lib"}, {"/lib64"}, {"/etc/ld.so.cache"}, {"/dev/null", true}};

class Landlock : public ::testing::Test {
 protected:
  void SetUp() override {
    if (landlock_abi() == 0) GTEST_SKIP() << "needs a kernel with Landlock (lsm=...,landlock)";
  }

  static test::Outcome run(std::vector<std::string> argv, std::vector<LandlockPath> paths) {
    auto spec = test::spec_for(std::move(argv));
    spec.seal.paths = std::move(paths);
    Refused refused;
    return test::run(spec, refused);
  }

  // What |line| prints below |outside_|, where only `in` may be written and `read` be read. "no"
  // stands for a command that failed.
  std::string say(const std::string& line) const {
    auto paths = kSystem;
    paths.push_back({outside_.path("in"), true});
    paths.push_back({outside_.path("read")});
    const auto script = "exec 2>/dev/null; cd " + outside_.path() + "; " + line + " || echo no";
    const auto outcome = run({"/bin/sh", "-c", script}, paths);
    EXPECT_EQ(test::failure_of(outcome), "ok");
    return outcome.out;
  }

  test::TempDir outside_;
  const std::string secret_ = outside_.file("secret", "secret\n", 0644);
  const bool made_ = std::filesystem::create_directory(outside_.path("in")) &&
                     std::filesystem::create_directory(outside_.path("read"));
  const std::string readable_ = outside_.file("read/file", "hello\n", 0644);
};

TEST_F(Landlock, WhatIsNotNamedCannotBeRead) {
  EXPECT_EQ(say("cat secret"), "no\n");
  EXPECT_EQ(say("ls ."), "no\n");
  EXPECT_EQ(say("cat read/file"), "hello\n");
  EXPECT_EQ(say("ls read"), "file\n");
}

TEST_F(Landlock, OnlyWhatMayBeWrittenIsWritten) {
  EXPECT_EQ(say("echo x > read/new"), "no\n");
  EXPECT_EQ(say("rm read/file"), "no\n");
  EXPECT_EQ(say("mkdir in/d && echo x > in/d/f && mv in/d/f in/g && rmdir in/d && cat in/g"),
            "x\n");
  EXPECT_EQ(say("rm in/g && ln -s x in/s && rm in/s && echo done"), "done\n");
  EXPECT_EQ(std::filesystem::exists(readable_), true);
}

TEST_F(Landlock, NoWayLeadsOut) {
  std::filesystem::create_symlink(secret_, outside_.path("in/link"));
  EXPECT_EQ(say("cat in/link"), "no\n");
  EXPECT_EQ(say("cat in/../secret"), "no\n");
  EXPECT_EQ(say("cd in && cat ../secret"), "no\n");
  EXPECT_EQ(say("cat /proc/self/root" + secret_), "no\n");
  EXPECT_EQ(say("ln secret in/hard"), "no\n");
  EXPECT_EQ(say("mv in/link out"), "no\n");
  EXPECT_EQ(say("mv secret in/moved"), "no\n");
}

TEST_F(Landlock, AFileMayBeNamed) {
  auto paths = kSystem;
  paths.push_back({secret_, true});
  const auto outcome = run({"/bin/sh", "-c", "echo new > " + secret_ + "; cat " + secret_}, paths);
  EXPECT_EQ(outcome.out, "new\n");
}

TEST_F(Landlock, IsInheritedAndGivesNoPrivileges) {
  auto paths = kSystem;
  paths.push_back({"/proc"});
  const auto outcome =
      run({"/bin/sh", "-c",
           "grep NoNewPrivs /proc/self/status; cat " + secret_ + " 2>/dev/null || sh -c 'echo no'"},
          paths);
  EXPECT_EQ(outcome.out, "NoNewPrivs:\t1\nno\n");
}

TEST_F(Landlock, TheProgramItselfMustBeReadable) {
  EXPECT_EQ(test::failure_of(run({"/bin/true"}, {{"/etc"}})), "exec: eacces");
}

TEST_F(Landlock, APathThatIsNotThereIsNamed) {
  EXPECT_EQ(test::failure_of(run({"/bin/true"}, {{"/usr"}, {"/no/such"}})),
            "landlock: enoent (/no/such)");
  const std::string deep = "/" + std::string(5000, 'x');
  EXPECT_EQ(test::failure_of(run({"/bin/true"}, {{deep}})).substr(0, 24),
            "landlock: enametoolong (");
}

TEST_F(Landlock, OnlyAbsolutePathsAreTaken) {
  EXPECT_EQ(test::failure_of(run({"/bin/true"}, {{"usr"}})), "option: einval (landlock)");
  EXPECT_EQ(test::failure_of(run({"/bin/true"}, {{std::string("/a\0b", 4)}})),
            "option: einval (landlock)");
}

// In a process of its own, whose kernel has no Landlock, or has it switched off.
std::string without_landlock(int answer) {
  auto pipe = make_pipe();
  const pid_t pid = ::fork();
  if (pid == 0) {
    test::filter_call({.number = 444, .argument = 0, .answer = answer});
    auto spec = test::spec_for({"/bin/true"});
    spec.seal.paths = {{"/usr"}};
    Refused refused;
    const auto text = test::failure_of(test::run(spec, refused)) + std::to_string(landlock_abi());
    const bool told = ::write(pipe->write.get(), text.data(), text.size()) > 0;
    ::_exit(told ? 0 : 1);
  }
  pipe->write.reset();
  auto text = read_all(pipe->read.get());
  ::waitpid(pid, nullptr, 0);
  return text ? *text : text.error().message();
}

TEST(WithoutLandlock, NothingRuns) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to refuse the system call";
  EXPECT_EQ(without_landlock(ENOSYS), "landlock: enosys0");
  EXPECT_EQ(without_landlock(EOPNOTSUPP), "landlock: enotsup0");
}

}  // namespace
}  // namespace contained::process
