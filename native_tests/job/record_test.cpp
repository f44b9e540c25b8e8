#include "job/record.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/file.hpp"
#include "support/temp_dir.hpp"

namespace contained::job {
namespace {

using Strings = std::vector<std::string>;

TEST(Record, LinesAreKeyAndValueEscaped) {
  Record record;
  record.add("arg", "a b");
  record.add("arg", "line\nbreak \\");
  record.add("arg", "");
  record.add("started", 17);
  EXPECT_EQ(record.text(), "arg a b\narg line\\nbreak \\\\\narg \nstarted 17\n");
}

TEST(Record, ComesBackAsItWas) {
  Record record;
  for (int c = 1; c < 256; ++c) record.add("arg", std::string(3, static_cast<char>(c)));
  record.add("arg", "\\n");
  const auto read = Record::parse(record.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->lines(), record.lines());
}

TEST(Record, RepeatedKeysAreAListAndUnknownOnesAreKept) {
  const auto record = Record::parse("arg a\nnew thing\narg b\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->all("arg"), (Strings{"a", "b"}));
  EXPECT_EQ(record->get("arg"), "a");
  EXPECT_EQ(record->get("new"), "thing");
  EXPECT_EQ(record->get("none"), "");
}

TEST(Record, NumbersAreWholeAndFit) {
  const auto record = Record::parse("a 12\nb 12x\nc -1\nd 99999999999\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->number<int>("a"), 12);
  EXPECT_EQ(record->number<int>("b"), std::nullopt);
  EXPECT_EQ(record->number<std::uint64_t>("c"), std::nullopt);
  EXPECT_EQ(record->number<int>("d"), std::nullopt);
  EXPECT_EQ(record->number_or_zero<int>("none"), 0);
}

TEST(Record, WhatIsNoneIsRefused) {
  for (const char* text : {"a", "a b", "a\n", " b\n", "a \\x\n", "a b\\", "a \\\n", "a b\nc"}) {
    EXPECT_FALSE(Record::parse(text)) << text;
  }
}

class RecordFile : public testing::Test {
 protected:
  RecordFile() : directory_(::open(temp_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  int code_of(const std::string& name) const {
    const auto read = read_record(directory_.get(), name);
    return read ? 0 : read.error().code;
  }

  test::TempDir temp_;
  UniqueFd directory_;
};

TEST_F(RecordFile, IsWrittenForUsAloneAndReplacedWhole) {
  Record record;
  record.add("a", "first");
  ASSERT_TRUE(write_record(directory_.get(), "job", record));
  Record other;
  other.add("a", "second");
  ASSERT_TRUE(write_record(directory_.get(), "job", other));
  EXPECT_EQ(read_record(directory_.get(), "job")->get("a"), "second");
  struct stat info = {};
  ::stat(temp_.path("job").c_str(), &info);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(temp_.path()), {}), 1);
}

TEST_F(RecordFile, LinksAndPipesAreNotFollowed) {
  ASSERT_EQ(::symlink("/etc/hostname", temp_.path("link").c_str()), 0);
  EXPECT_EQ(code_of("link"), ELOOP);
  ASSERT_EQ(::mkfifo(temp_.path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(code_of("pipe"), EPERM);
  EXPECT_EQ(code_of("none"), ENOENT);
}

TEST_F(RecordFile, WhatOthersCanWriteIsNotBelieved) {
  temp_.file("open", "a b\n", 0622);
  EXPECT_EQ(code_of("open"), EPERM);
  if (::geteuid() != 0) GTEST_SKIP() << "root gives a file away";
  const auto path = temp_.file("foreign", "a b\n", 0600);
  ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  EXPECT_EQ(code_of("foreign"), EPERM);
}

}  // namespace
}  // namespace contained::job
