#include "sink/rotation.hpp"

#include "sink/support.hpp"
#include "support/temp_dir.hpp"

namespace contained::sink {
namespace {

class RotationTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    temp_.file(name, text, 0600);
  }
  std::string read(const std::string& name) const { return content(temp_.path(name)); }
  bool exists(const std::string& name) const {
    return ::access(temp_.path(name).c_str(), F_OK) == 0;
  }

  test::TempDir temp_;
  UniqueFd directory_{::open(temp_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
};

TEST_F(RotationTest, OldFilesAreThoseWithANumber) {
  for (const auto* name : {"a", "a.10", "a.9", "a.9.gz", "a.2.gz", "a.01", "a.0", "a.x", "a.1x",
                           "a.", "a.3.gz.tmp", "b.1", "a.99999999999", "aa.1"}) {
    write(name, "");
  }
  const auto files = old_files(directory_.get(), "a");
  ASSERT_TRUE(files.ok());
  ASSERT_EQ(files->size(), 3U);
  EXPECT_EQ((*files)[0].number, 2U);
  EXPECT_TRUE((*files)[0].packed && !(*files)[0].plain);
  EXPECT_TRUE((*files)[1].packed && (*files)[1].plain);
  EXPECT_EQ((*files)[2].number, 10U);
}

TEST_F(RotationTest, TheNextNumberIsBeyondAllOthers) {
  write("a", "1");
  ASSERT_TRUE(set_aside(directory_.get(), "a").ok());
  EXPECT_EQ(read("a.1"), "1");
  EXPECT_FALSE(exists("a"));
  write("a", "8");
  write("a.7.gz", "");
  ASSERT_TRUE(set_aside(directory_.get(), "a").ok());
  EXPECT_EQ(read("a.8"), "8");
  EXPECT_EQ(read("a.1"), "1");
}

TEST_F(RotationTest, NothingToSetAsideIsNoError) {
  EXPECT_TRUE(set_aside(directory_.get(), "a").ok());
}

TEST_F(RotationTest, TheOldestGoFirst) {
  for (const auto* name : {"a", "a.1", "a.2.gz", "a.3", "a.10"}) write(name, "");
  ASSERT_TRUE(prune(directory_.get(), "a", 4).ok());
  EXPECT_TRUE(exists("a.1"));
  ASSERT_TRUE(prune(directory_.get(), "a", 2).ok());
  EXPECT_FALSE(exists("a.1") || exists("a.2.gz"));
  EXPECT_TRUE(exists("a.3") && exists("a.10") && exists("a"));
  ASSERT_TRUE(prune(directory_.get(), "a", 0).ok());
  EXPECT_FALSE(exists("a.3") || exists("a.10"));
}

TEST(FittingTest, FilesEndWithALine) {
  EXPECT_EQ(fitting("aa\nbb\n", 0, 6, true), 6U);
  EXPECT_EQ(fitting("aa\nbb\n", 0, 5, true), 3U);
  EXPECT_EQ(fitting("aa\nbb\n", 3, 5, true), 0U);
  EXPECT_EQ(fitting("aa\nbb\n", 9, 5, true), 0U);
}

TEST(FittingTest, ALineThatWasBegunIsEnded) {
  EXPECT_EQ(fitting("aa\nbb\n", 5, 5, false), 3U);
  EXPECT_EQ(fitting("aaaa", 5, 5, false), 4U);
  EXPECT_EQ(fitting("aaaa\nb", 0, 2, true), 5U);
}

TEST(FittingTest, ButNotOneWithoutEnd) {
  const std::string endless(2 * kLongestLine, 'x');
  EXPECT_EQ(fitting(endless, 0, 10, true), kLongestLine + 10);
  EXPECT_EQ(fitting(endless, kLongestLine, 10, false), 10U);
  EXPECT_EQ(fitting(endless, kLongestLine + 10, 10, false), 0U);
}

}  // namespace
}  // namespace contained::sink
