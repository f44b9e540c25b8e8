#include "sink/log_file.hpp"

#include "sink/support.hpp"
#include "support/temp_dir.hpp"

namespace contained::sink {
namespace {

class LogFileTest : public testing::Test {
 protected:
  int refused(const std::string& name) const {
    LogFile file(temp_.path(name), 0640);
    const auto opened = file.open();
    return opened ? 0 : opened.error().code;
  }

  test::TempDir temp_;
  std::string path_ = temp_.path("a.log");
};

TEST_F(LogFileTest, IsMadeWithItsModeAndAppendedTo) {
  const auto mask = ::umask(077);
  LogFile file(path_, 0664);
  ASSERT_TRUE(file.open().ok());
  ::umask(mask);
  struct stat found = {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0664U);
  ASSERT_TRUE(file.write("one").ok());
  EXPECT_FALSE(file.at_line_start());
  LogFile again(path_, 0600);
  ASSERT_TRUE(again.open().ok());
  EXPECT_EQ(again.size(), 3U);
  EXPECT_FALSE(again.at_line_start());
  ASSERT_TRUE(again.write("\n").ok());
  EXPECT_TRUE(again.at_line_start());
  EXPECT_EQ(content(path_), "one\n");
}

TEST_F(LogFileTest, IsFoundAgainWhenItWasRenamedOrRemoved) {
  LogFile file(path_, 0640);
  ASSERT_TRUE(file.open().ok() && file.write("a").ok());
  ASSERT_EQ(::rename(path_.c_str(), temp_.path("b.log").c_str()), 0);
  EXPECT_FALSE(file.lost());
  ASSERT_TRUE(file.follow().ok() && file.write("b").ok());
  EXPECT_EQ(content(path_), "b");
  EXPECT_EQ(content(temp_.path("b.log")), "a");
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_TRUE(file.lost());
  ASSERT_TRUE(file.follow().ok() && file.write("c").ok());
  EXPECT_EQ(content(path_), "c");
}

TEST_F(LogFileTest, FollowSeesThatItWasCut) {
  LogFile file(path_, 0640);
  ASSERT_TRUE(file.open().ok() && file.write("abc").ok());
  ASSERT_EQ(::truncate(path_.c_str(), 0), 0);
  ASSERT_TRUE(file.follow().ok() && file.write("d").ok());
  EXPECT_EQ(file.size(), 1U);
  EXPECT_EQ(content(path_), "d");
}

TEST_F(LogFileTest, OnlyARegularFileOfOneName) {
  temp_.file("target", "", 0600);
  ASSERT_EQ(::symlink(temp_.path("target").c_str(), temp_.path("link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", temp_.path("dangling").c_str()), 0);
  ASSERT_EQ(::mkfifo(temp_.path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mkdir(temp_.path("directory").c_str(), 0700), 0);
  EXPECT_EQ(refused("target"), 0);
  EXPECT_EQ(refused("link"), ELOOP);
  EXPECT_EQ(refused("dangling"), ELOOP);
  EXPECT_EQ(refused("fifo"), ENOTSUP);
  EXPECT_EQ(refused("directory"), EISDIR);
  EXPECT_EQ(refused("none/a.log"), ENOENT);
  ASSERT_EQ(::link(temp_.path("target").c_str(), temp_.path("second").c_str()), 0);
  EXPECT_EQ(refused("target"), EMLINK);
  LogFile device("/dev/null", 0600);
  EXPECT_EQ(device.open().error().code, ENOTSUP);
}

TEST_F(LogFileTest, AForeignFileOnlyWhereRootAloneCanHavePutIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give a file away";
  temp_.file("foreign", "", 0666);
  ASSERT_EQ(::chown(temp_.path("foreign").c_str(), 1, 1), 0);
  EXPECT_EQ(refused("foreign"), 0);
  ASSERT_EQ(::chmod(temp_.path().c_str(), 0775), 0);
  EXPECT_EQ(refused("foreign"), EPERM);
  ASSERT_EQ(::chmod(temp_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chown(temp_.path().c_str(), 1, 1), 0);
  EXPECT_EQ(refused("foreign"), EPERM);
}

TEST_F(LogFileTest, ASymbolicLinkPutInItsPlaceIsNotFollowed) {
  LogFile file(path_, 0640);
  ASSERT_TRUE(file.open().ok() && file.write("a").ok());
  ASSERT_EQ(::rename(path_.c_str(), temp_.path("b.log").c_str()), 0);
  ASSERT_EQ(::symlink(temp_.path("victim").c_str(), path_.c_str()), 0);
  EXPECT_EQ(file.follow().error().code, ELOOP);
  EXPECT_FALSE(file.lost());
  ASSERT_TRUE(file.write("b").ok());
  EXPECT_EQ(content(temp_.path("b.log")), "ab");
  EXPECT_NE(::access(temp_.path("victim").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace contained::sink
