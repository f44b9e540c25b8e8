#include "sink/options.hpp"

#include <gtest/gtest.h>

#include <string>

namespace contained::sink {
namespace {

Result<Options> parse(std::vector<std::string> words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  return parse_options(pointers);
}

TEST(SinkOptionsTest, AFileHasDefaults) {
  const auto options = parse({"file=/var/log/a=b.log"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->report, -1);
  const auto& file = std::get<FileOptions>(options->sinks.at(0));
  EXPECT_EQ(file.path, "/var/log/a=b.log");
  EXPECT_EQ(file.mode, 0640U);
  EXPECT_EQ(file.rotation.size, 0U);
  EXPECT_FALSE(file.rotation.keep || file.rotation.gzip || file.format.timestamp);
  EXPECT_TRUE(file.sync == Sync::kNone && file.policy == Policy::kDrop);
}

TEST(SinkOptionsTest, WordsBelongToTheSinkBeforeThem) {
  const auto options =
      parse({"report=3",   "file=/a",   "mode=600", "size=10",           "every=3600",
             "keep=0",     "at_start",  "gzip",     "timestamp",         "prefix= x",
             "skip_empty", "sync=line", "block",    "syslog=app",        "priority=14",
             "socket=/s",  "console",   "fd=1",     "timestamp=seconds", "prefix=y",
             "tail=5",     "input=7",   "obey"});
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(options->report == 3 && options->input == 7 && options->obey);
  const auto& file = std::get<FileOptions>(options->sinks.at(0));
  EXPECT_EQ(file.mode, 0600U);
  EXPECT_EQ(file.rotation.size, 10U);
  EXPECT_EQ(file.rotation.every, 3600U);
  EXPECT_EQ(file.rotation.keep, 0U);
  EXPECT_TRUE(file.rotation.at_start && file.rotation.gzip);
  EXPECT_TRUE(file.format.timestamp && file.format.skip_empty);
  EXPECT_EQ(file.format.prefix, " x");
  EXPECT_TRUE(file.sync == Sync::kLine && file.policy == Policy::kBlock);
  const auto& syslog = std::get<SyslogOptions>(options->sinks.at(1));
  EXPECT_EQ(syslog.ident + syslog.socket, "app/s");
  EXPECT_EQ(syslog.priority, 14U);
  EXPECT_TRUE(syslog.policy == Policy::kDrop && syslog.console);
  const auto& fd = std::get<FdOptions>(options->sinks.at(2));
  const auto& tail = std::get<FdOptions>(options->sinks.at(3));
  EXPECT_TRUE(fd.fd == 1 && !fd.tail && tail.fd == 5 && tail.tail);
  EXPECT_TRUE(fd.format.timestamp && fd.format.in_seconds && fd.format.prefix == "y");
}

TEST(SinkOptionsTest, WhatIsNotUnderstoodIsNamed) {
  for (const std::string word :
       {"file=a",     "file=/a/",  "file",    "syslog=",     "fd=x",    "fd=-1",   "tail=",
        "mode=8",     "mode=1000", "size=0",  "size=",       "keep=-1", "every=0", "gzip=1",
        "sync=often", "sync",      "block=1", "priority=1",  "prefix=", "report=", "colour",
        "",           "obey=1",    "input=",  "timestamp=x", "console"}) {
    const auto options = parse({"file=/a", word});
    ASSERT_FALSE(options.ok()) << word;
    EXPECT_EQ(options.error().subject, word);
  }
  EXPECT_FALSE(parse({"tail=1", "timestamp"}).ok());
  EXPECT_FALSE(parse({"syslog=a", "priority=192"}).ok());
}

TEST(SinkOptionsTest, ThereMustBeASinkAndItsWordsComeAfterIt) {
  EXPECT_FALSE(parse({"report=3"}).ok());
  EXPECT_FALSE(parse({"timestamp", "file=/a"}).ok());
}

}  // namespace
}  // namespace contained::sink
