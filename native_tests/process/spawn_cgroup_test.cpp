#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "process/spawn.hpp"
#include "support/child_run.hpp"
#include "support/temp_dir.hpp"

namespace contained::process {
namespace {

using test::failure_of;
using test::run;
using test::spec_for;

constexpr long kCgroup2Magic = 0x63677270;

std::string v2_root() {
  for (std::string path : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
    struct statfs info = {};
    if (::statfs(path.c_str(), &info) == 0 && info.f_type == kCgroup2Magic) return path;
  }
  return {};
}

// The group that we are in, as /proc/self/cgroup tells it: "0::/some/path".
std::string own_group() {
  const auto text = read_file_at(AT_FDCWD, "/proc/self/cgroup");
  if (!text) return {};
  const auto line = text.value().find("0::");
  if (line == std::string::npos) return {};
  const auto path = text.value().substr(line + 3, text.value().find('\n', line) - line - 3);
  return path == "/" ? "" : path;
}

// Each test into a group of its own, by clone3 and by self-attachment.
class SpawnIntoCgroup : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const auto root = v2_root();
    if (root.empty()) GTEST_SKIP() << "needs a cgroup v2 hierarchy";
    name_ = "contained-spawn-test-" + std::to_string(::getpid());
    path_ = root + own_group() + "/" + name_;
    if (::mkdir(path_.c_str(), 0755) < 0) GTEST_SKIP() << "needs a writable cgroup v2: " << path_;
    group_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  void TearDown() override {
    if (!group_) return;
    EXPECT_TRUE(::rmdir(path_.c_str()) == 0 || errno == ENOENT);
  }

  SpawnSpec into(int fd, std::vector<std::string> argv) {
    auto spec = spec_for(std::move(argv));
    spec.cgroup_fd = fd;
    return spec;
  }
  std::string failure_into(int fd) { return failure_of(run(into(fd, {"/bin/true"}), refused_)); }

  Refused refused_{.clone3 = GetParam()};
  std::string name_;
  std::string path_;
  UniqueFd group_;
};
INSTANTIATE_TEST_SUITE_P(Fallback, SpawnIntoCgroup, ::testing::Bool());

TEST_P(SpawnIntoCgroup, TheProgramStartsInTheGroup) {
  const auto outcome = run(into(group_.get(), {"/bin/cat", "/proc/self/cgroup"}), refused_);
  EXPECT_EQ(failure_of(outcome), "ok");
  EXPECT_NE(outcome.out.find("/" + name_ + "\n"), std::string::npos) << outcome.out;
  EXPECT_EQ(refused_.clone3, GetParam());
}

TEST_P(SpawnIntoCgroup, APathDescriptorServes) {
  const UniqueFd path(::open(path_.c_str(), O_PATH | O_CLOEXEC));
  EXPECT_EQ(failure_into(path.get()), "ok");
}

TEST_P(SpawnIntoCgroup, HandsOverNoDescriptorBeyondTheThree) {
  EXPECT_EQ(run(into(group_.get(), {"print_fds"}), refused_).out, "0\n1\n2\n");
}

TEST_P(SpawnIntoCgroup, WhatFailsLaterKeepsItsOwnName) {
  EXPECT_EQ(failure_of(run(into(group_.get(), {"/no/such"}), refused_)), "exec: enoent");
}

TEST_P(SpawnIntoCgroup, ARemovedGroupIsAnErrorOfTheGroup) {
  ASSERT_EQ(::rmdir(path_.c_str()), 0);
  const auto failure = failure_into(group_.get());
  EXPECT_TRUE(failure == "cgroup: enoent" || failure == "cgroup: enodev" ||
              failure == "cgroup: enoent (cgroup.procs)" ||
              failure == "cgroup: enodev (cgroup.procs)")
      << failure;
}

TEST_P(SpawnIntoCgroup, WhatIsNoGroupIsAnErrorOfTheGroup) {
  const test::TempDir dir;
  const UniqueFd plain(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(failure_into(plain.get()),
            GetParam() ? "cgroup: enoent (cgroup.procs)" : "cgroup: ebadf");
  EXPECT_EQ(failure_into(4000), GetParam() ? "cgroup: ebadf (cgroup.procs)" : "cgroup: ebadf");
  EXPECT_EQ(refused_.clone3, GetParam());
}

// Under a real filter the child attaches itself, and the clone3 of nobody is asked twice.
TEST_P(SpawnIntoCgroup, AttachesUnderAFilter) {
  auto spec = into(group_.get(),
                   {"deny_syscalls", "EPERM", "clone3", "--", "/bin/cat", "/proc/self/cgroup"});
  EXPECT_NE(run(spec, refused_).out.find("/" + name_ + "\n"), std::string::npos);
}

}  // namespace
}  // namespace contained::process
