// D9: atomic, locked, removed.
#include "supervise/pid_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "support/temp_dir.hpp"

namespace contained::supervise {
namespace {

class PidFileTest : public testing::Test {
 protected:
  Result<PidFile> take(pid_t pid) { return PidFile::take(path_, pid, holder_); }

  int error_of(pid_t pid) {
    const auto taken = take(pid);
    return taken ? 0 : taken.error().code;
  }

  std::string content() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::size_t files() const {
    const std::filesystem::directory_iterator all(dir_.path());
    return static_cast<std::size_t>(std::distance(all, std::filesystem::directory_iterator()));
  }

  test::TempDir dir_;
  std::string path_ = dir_.path("it.pid");
  pid_t holder_ = -1;
};

TEST_F(PidFileTest, HoldsThePidUntilItIsRemoved) {
  auto taken = take(4711);
  ASSERT_TRUE(taken);
  EXPECT_EQ(content(), "4711\n");
  EXPECT_EQ(files(), 1U);
  taken->remove();
  EXPECT_EQ(files(), 0U);
}

TEST_F(PidFileTest, ASecondOwnerIsRefusedAndToldOfTheFirst) {
  const auto first = take(4711);
  ASSERT_TRUE(first);
  EXPECT_EQ(error_of(4712), EWOULDBLOCK);
  EXPECT_EQ(holder_, 4711);
  EXPECT_EQ(content(), "4711\n");
  EXPECT_EQ(files(), 1U);
}

TEST_F(PidFileTest, WhatADeadOwnerHasLeftIsReplaced) {
  dir_.file("it.pid", "99999\n", 0644);
  const auto taken = take(4711);
  ASSERT_TRUE(taken);
  EXPECT_EQ(content(), "4711\n");
  EXPECT_EQ(error_of(4712), EWOULDBLOCK);
}

TEST_F(PidFileTest, AnEmptyFileIsTaken) {
  dir_.file("it.pid", "", 0644);
  EXPECT_TRUE(take(4711));
}

TEST_F(PidFileTest, OtherFilesAreLeftAsTheyAre) {
  dir_.file("it.pid", "important\n", 0644);
  EXPECT_EQ(error_of(4711), EPERM);
  EXPECT_EQ(content(), "important\n");
  EXPECT_EQ(files(), 1U);
}

TEST_F(PidFileTest, ASymbolicLinkIsNotFollowed) {
  const auto target = dir_.file("target", "1\n", 0644);
  ASSERT_EQ(::symlink(target.c_str(), path_.c_str()), 0);
  EXPECT_EQ(error_of(4711), ELOOP);
}

TEST_F(PidFileTest, AFileOfSeveralNamesIsNotTaken) {
  dir_.file("it.pid", "1\n", 0644);
  ASSERT_EQ(::link(path_.c_str(), dir_.path("other").c_str()), 0);
  EXPECT_EQ(error_of(4711), EPERM);
}

TEST_F(PidFileTest, AFifoIsNotWaitedFor) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(error_of(4711), ENOTSUP);
}

TEST_F(PidFileTest, WhatIsNoLongerOursIsNotRemoved) {
  auto taken = take(4711);
  ASSERT_TRUE(taken);
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  dir_.file("it.pid", "5\n", 0644);
  taken->remove();
  EXPECT_EQ(content(), "5\n");
}

TEST_F(PidFileTest, ADirectoryThatIsNotThere) {
  path_ = dir_.path("no/it.pid");
  EXPECT_EQ(error_of(4711), ENOENT);
}

}  // namespace
}  // namespace contained::supervise
