#include "sink/file_outlet.hpp"

#include <sys/stat.h>

#include <thread>

#include "sink/rotation.hpp"
#include "sink/support.hpp"
#include "support/temp_dir.hpp"

namespace contained::sink {
namespace {

class FileOutletTest : public testing::Test {
 protected:
  FileOutletTest() { options_.path = temp_.path("a.log"); }

  FileOutlet& outlet() {
    if (!outlet_) {
      outlet_ = std::make_unique<FileOutlet>(options_, told_.reports);
      const auto opened = outlet_->open();
      EXPECT_TRUE(opened.ok());
    }
    return *outlet_;
  }

  std::string read(const std::string& name = "a.log") const { return content(temp_.path(name)); }

  // The old files and the last, in their order.
  std::string all() const {
    const UniqueFd directory(::open(temp_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const auto files = old_files(directory.get(), "a.log");
    std::string text;
    for (const auto& file : files.value()) text += read(old_name("a.log", file.number));
    return text + read();
  }

  test::TempDir temp_;
  Told told_;
  FileOptions options_;
  std::unique_ptr<FileOutlet> outlet_;
};

TEST_F(FileOutletTest, AppendsToWhatIsThere) {
  temp_.file("a.log", "before, and ", 0600);
  options_.format.prefix = "> ";
  outlet().write("after\nnext\n", at());
  outlet().finish(at());
  EXPECT_EQ(read(), "before, and after\n> next\n");
  EXPECT_EQ(told_.text(), "");
}

TEST_F(FileOutletTest, RotationKeepsEachByteOnce) {
  options_.rotation.size = 1000;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * 7919) + "\n";
  for (std::size_t at_byte = 0, i = 0; at_byte < text.size(); at_byte += 1 + i % 3000, i += 613) {
    outlet().write(std::string_view(text).substr(at_byte, 1 + i % 3000), at());
  }
  EXPECT_EQ(all(), text);
  EXPECT_LE(read("a.log.1").size(), 1000U + 3000U);
  EXPECT_EQ(read("a.log.1").back(), '\n');
}

TEST_F(FileOutletTest, TheSizeThatIsThereCounts) {
  temp_.file("a.log", "123456789\n", 0600);
  options_.rotation.size = 12;
  outlet().write("abc\n", at());
  EXPECT_EQ(read("a.log.1"), "123456789\n");
  EXPECT_EQ(read(), "abc\n");
}

TEST_F(FileOutletTest, AtStartAFileWithContentIsSetAside) {
  options_.rotation.at_start = true;
  outlet();
  outlet_.reset();
  temp_.file("a.log", "x", 0600);
  outlet().write("y\n", at());
  EXPECT_EQ(read("a.log.1") + "|" + read(), "x|y\n");
  EXPECT_NE(::access(temp_.path("a.log.2").c_str(), F_OK), 0);
}

TEST_F(FileOutletTest, EachPeriodHasItsFile) {
  options_.rotation.every = 60;
  outlet().write("a\n", at());
  outlet().write("b\n", at(18999));
  outlet().write("c\n", at(19000));
  outlet().write("d\n", at(200000));
  EXPECT_EQ(read("a.log.1"), "a\nb\n");
  EXPECT_EQ(read("a.log.2"), "c\n");
  EXPECT_EQ(read(), "d\n");
}

TEST_F(FileOutletTest, AnOldFileIsOfThePeriodOfItsLastByte) {
  temp_.file("a.log", "old\n", 0600);
  options_.rotation.every = 60;
  outlet().write("new\n", at());
  EXPECT_EQ(read("a.log.1") + read(), "old\nnew\n");
}

TEST_F(FileOutletTest, KeepsSoMany) {
  options_.rotation.size = 2;
  options_.rotation.keep = 2;
  for (const auto* line : {"1\n", "2\n", "3\n", "4\n"}) outlet().write(line, at());
  EXPECT_EQ(all(), "2\n3\n4\n");
}

TEST_F(FileOutletTest, OldFilesAreCompressed) {
  options_.rotation.size = 2;
  options_.rotation.gzip = true;
  for (const auto* line : {"1\n", "2\n", "3\n"}) outlet().write(line, at());
  EXPECT_TRUE(outlet().restless());
  outlet().finish(at());
  EXPECT_EQ(::access(temp_.path("a.log.1.gz").c_str(), F_OK), 0);
  EXPECT_EQ(::access(temp_.path("a.log.2.gz").c_str(), F_OK), 0);
  EXPECT_EQ(all(), "3\n");
}

TEST_F(FileOutletTest, WhatDoesNotFitIsDroppedAndCountedAndALineBeginsAfterIt) {
  outlet().write("12345\n", at());
  {
    const FileSizeLimit limit(8);
    outlet().write("abcdef\nghi", at());
    outlet().write("jkl", at(1));
    EXPECT_EQ(told_.text(), "trouble efbig " + options_.path + "\n");
  }
  outlet().write("mno\nwhole\n", at(2000));
  outlet().finish(at(2001));
  EXPECT_EQ(read(), "12345\nab\nwhole\n");
  told_.reports.tell_counts();
  EXPECT_EQ(told_.text(), "over 15 " + options_.path + "\ncounts 0 15\n");
}

TEST_F(FileOutletTest, BlockWaitsInsteadOfDropping) {
  options_.policy = Policy::kBlock;
  outlet();
  FileSizeLimit limit(4);
  std::thread writer([&] { outlet().write("123456789\n", at()); });
  std::string told;
  while (told.empty()) {
    told = told_.text();
    std::this_thread::yield();
  }
  limit.set(RLIM_INFINITY);
  writer.join();
  EXPECT_EQ(read(), "123456789\n");
  EXPECT_EQ(told, "trouble efbig " + options_.path + "\n");
}

TEST_F(FileOutletTest, AFileThatIsRemovedIsMadeAnew) {
  outlet().write("a\n", at());
  ASSERT_EQ(::unlink(options_.path.c_str()), 0);
  outlet().write("b\n", at());
  EXPECT_EQ(read(), "b\n");
  EXPECT_EQ(told_.text(), "");
}

TEST_F(FileOutletTest, WithoutItsDirectoryItGoesOn) {
  ASSERT_EQ(::mkdir(temp_.path("d").c_str(), 0700), 0);
  options_.path = temp_.path("d/a.log");
  outlet().write("a\n", at());
  std::filesystem::remove_all(temp_.path("d"));
  outlet().write("b\n", at());
  EXPECT_EQ(told_.text(), "trouble enoent " + options_.path + "\n");
  ASSERT_EQ(::mkdir(temp_.path("d").c_str(), 0700), 0);
  outlet().write("c\n", at(2000));
  EXPECT_EQ(told_.text(), "over 2 " + options_.path + "\n");
  EXPECT_EQ(read("d/a.log"), "c\n");
}

TEST_F(FileOutletTest, ReopenMakesTheFileAfterALogrotate) {
  outlet().write("a\n", at());
  ASSERT_EQ(::rename(options_.path.c_str(), temp_.path("b").c_str()), 0);
  outlet().reopen(at());
  EXPECT_EQ(::access(options_.path.c_str(), F_OK), 0);
}

TEST_F(FileOutletTest, SyncComesASecondLaterOrAtOnce) {
  options_.sync = Sync::kInterval;
  outlet().write("a\n", at());
  EXPECT_TRUE(outlet().restless());
  outlet().tick(at(5000));
  EXPECT_FALSE(outlet().restless());
  outlet_.reset();
  options_.sync = Sync::kLine;
  outlet().write("b\n", at());
  EXPECT_FALSE(outlet().restless());
}

}  // namespace
}  // namespace contained::sink
