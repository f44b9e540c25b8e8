#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "base/linux.hpp"
#include "process/spawn.hpp"
#include "support/child_run.hpp"
#include "support/temp_dir.hpp"

namespace contained::process {
namespace {

using test::failure_of;
using test::run;
using test::spec_for;

class SpawnFailure : public ::testing::TestWithParam<bool> {
 protected:
  std::string failure(const SpawnSpec& spec) {
    const auto outcome = run(spec, refused_);
    EXPECT_TRUE(!outcome.error || outcome.status.code == 127 || outcome.status.code == 0);
    EXPECT_EQ(outcome.out, "");
    return failure_of(outcome);
  }
  std::string failure_of_program(const std::string& path) { return failure(spec_for({path})); }

  Refused refused_{.clone3 = GetParam()};
  test::TempDir dir_;
};
INSTANTIATE_TEST_SUITE_P(Fallback, SpawnFailure, ::testing::Bool());

TEST_P(SpawnFailure, AMissingProgram) {
  EXPECT_EQ(failure_of_program("/no/such/program"), "exec: enoent");
}

TEST_P(SpawnFailure, AProgramWithoutPermission) {
  EXPECT_EQ(failure_of_program(dir_.file("plain", "#!/bin/sh\n", 0644)), "exec: eacces");
}

TEST_P(SpawnFailure, ADirectory) { EXPECT_EQ(failure_of_program(dir_.path()), "exec: eacces"); }

TEST_P(SpawnFailure, APathThroughAFile) {
  EXPECT_EQ(failure_of_program(dir_.file("file", "", 0755) + "/x"), "exec: enotdir");
}

TEST_P(SpawnFailure, AMissingInterpreter) {
  EXPECT_EQ(failure_of_program(dir_.file("script", "#!/no/such\n", 0755)), "exec: enoent");
}

TEST_P(SpawnFailure, NoProgramInTheFile) {
  EXPECT_EQ(failure_of_program(dir_.file("text", "echo hi\n", 0755)), "exec: enoexec");
  EXPECT_EQ(failure_of_program(dir_.file("empty", "", 0755)), "exec: enoexec");
  EXPECT_EQ(failure_of_program(dir_.file("cut",
                                         "\x7f"
                                         "ELF",
                                         0755)),
            "exec: enoexec");
}

TEST_P(SpawnFailure, ALoopOfLinks) {
  std::filesystem::create_symlink("loop", dir_.path("loop"));
  EXPECT_EQ(failure_of_program(dir_.path("loop")), "exec: eloop");
}

TEST_P(SpawnFailure, ATooLongName) {
  EXPECT_EQ(failure_of_program("/" + std::string(256, 'n')), "exec: enametoolong");
}

TEST_P(SpawnFailure, TooLongAnArgument) {
  EXPECT_EQ(failure(spec_for({"/bin/true", std::string(131072, 'x')})), "exec: e2big");
}

TEST_P(SpawnFailure, TooLongArgumentsTogether) {
  auto spec = spec_for({"/bin/true"});
  spec.args.insert(spec.args.end(), 70, std::string(100'000, 'x'));  // the kernel's cap is 6 MiB
  EXPECT_EQ(failure(spec), "exec: e2big");
}

TEST_P(SpawnFailure, AMissingDirectory) {
  auto spec = spec_for({"/bin/true"});
  spec.cd = dir_.path("none");
  EXPECT_EQ(failure(spec), "chdir: enoent");
  spec.cd = "";
  EXPECT_EQ(failure(spec), "chdir: enoent");
}

TEST_P(SpawnFailure, AFileAsDirectory) {
  auto spec = spec_for({"/bin/true"});
  spec.cd = dir_.file("file", "", 0644);
  EXPECT_EQ(failure(spec), "chdir: enotdir");
}

TEST_P(SpawnFailure, NulBytesAndNoArguments) {
  const std::string nul("a\0b", 3);
  auto spec = spec_for({"/bin/true"});
  spec.program += '\0';
  EXPECT_EQ(failure(spec), "option: einval (program)");
  EXPECT_EQ(failure(spec_for({"/bin/true", nul})), "option: einval (args)");
  spec = spec_for({"/bin/true"});
  spec.env.push_back(nul);
  EXPECT_EQ(failure(spec), "option: einval (env)");
  spec = spec_for({"/bin/true"});
  spec.cd = nul;
  EXPECT_EQ(failure(spec), "option: einval (cd)");
  spec = spec_for({"/bin/true"});
  spec.args.clear();
  EXPECT_EQ(failure(spec), "option: einval (args)");
}

TEST_P(SpawnFailure, AGroupThatCannotBeEntered) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  auto spec = spec_for({"/bin/true"});
  spec.attach_fds = {full.get()};
  EXPECT_EQ(failure(spec), "cgroup: enospc");
}

TEST_P(SpawnFailure, NoDescriptorLeftForUs) {
  // Looked at before: clang's check of a virtual object needs a pipe.
  const auto spec = spec_for({"/bin/true"});
  auto& refused = refused_;
  const UniqueFd spare(::open("/dev/null", O_RDONLY));
  rlimit before = {};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none = {static_cast<rlim_t>(spare.get()), before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const auto spawned = spawn(spec, refused);
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(spawned);
  EXPECT_EQ(spawned.error().message(), "pipe: emfile");
}

bool sleeps(pid_t pid) {
  const auto call = read_file_at(AT_FDCWD, "/proc/" + std::to_string(pid) + "/syscall");
  if (!call) return false;
  return call.value().starts_with(std::to_string(SYS_clock_nanosleep) + " ") ||
         call.value().starts_with(std::to_string(SYS_nanosleep) + " ");
}

class BusyProgram : public SpawnFailure {
 protected:
  BusyProgram() : path_(dir_.path("busy")) {
    std::filesystem::copy_file("/bin/true", path_);
    writer_.reset(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  }
  std::string path_;
  UniqueFd writer_;
};
INSTANTIATE_TEST_SUITE_P(Fallback, BusyProgram, ::testing::Bool());

TEST_P(BusyProgram, IsTriedAgainAndThenReported) {
  EXPECT_EQ(failure_of_program(path_), "exec: etxtbsy");
}

// The writer goes as soon as the child is seen waiting for it; on a loaded machine that can be too
// late for the 30 ms it has, so that more than one try is allowed.
TEST_P(BusyProgram, RunsWhenItIsReleasedInTime) {
  bool ran = false;
  for (int tries = 0; tries < 10 && !ran; ++tries) {
    writer_.reset(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    auto spawned = spawn(spec_for({path_}), refused_);
    ASSERT_TRUE(spawned);
    const pid_t pid = spawned->child.pid();
    test::eventually([&] { return sleeps(pid) || test::ended(pid); });
    writer_.reset();
    ran = test::exec_status(*spawned).state == ExecState::kDone;
    test::reap(spawned->child);
  }
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace contained::process
