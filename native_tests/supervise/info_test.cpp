// Lines of a status file, and FIFOs whose readers come and go (D14).
#include "supervise/info.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <iterator>
#include <regex>

#include "support/temp_dir.hpp"

namespace contained::supervise {
namespace {

constexpr Tell kStarted{Task::kCommand, Event::kStart, 4711, 0};

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string read_some(int fd) {
  std::array<char, 256> bytes = {};
  const auto count = ::read(fd, bytes.data(), bytes.size());
  return count > 0 ? std::string(bytes.data(), static_cast<std::size_t>(count)) : "";
}

TEST(InfoTest, LinesAreThoseOfDMon) {
  EXPECT_EQ(line_of(kStarted), "cmd start 4711");
  EXPECT_EQ(line_of({Task::kLogger, Event::kStop, 7, 0}), "log stop 7");
  EXPECT_EQ(line_of({Task::kCommand, Event::kExit, 7, 768}), "cmd exit 7 768");
  EXPECT_EQ(line_of({Task::kLogger, Event::kSignal, 7, SIGHUP}), "log signal 7 1");
  EXPECT_EQ(line_of({Task::kCommand, Event::kTimeout, 7, 0}), "cmd timeout 7");
  EXPECT_EQ(line_of({Task::kCommand, Event::kPause, 7, 0}), "cmd pause 7");
  EXPECT_EQ(line_of({Task::kCommand, Event::kResume, 7, 0}), "cmd resume 7");
}

TEST(InfoTest, AFileIsAppendedTo) {
  const test::TempDir dir;
  const auto path = dir.file("info", "before\n", 0644);
  Info info;
  ASSERT_TRUE(info.open(path, false));
  ASSERT_TRUE(info.tell(kStarted));
  EXPECT_EQ(content(path), "before\ncmd start 4711\n");
}

TEST(InfoTest, LinesMayBeginWithTheTime) {
  const test::TempDir dir;
  Info info;
  ASSERT_TRUE(info.open(dir.path("info"), true));
  ASSERT_TRUE(info.tell(kStarted));
  const std::regex shape(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z cmd start 4711\n)");
  EXPECT_TRUE(std::regex_match(content(dir.path("info")), shape)) << content(dir.path("info"));
}

TEST(InfoTest, AFifoIsOpenedWithoutAReaderAndOutlivesEach) {
  const test::TempDir dir;
  const auto path = dir.path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  Info info;
  ASSERT_TRUE(info.open(path, false));
  ASSERT_TRUE(info.tell(kStarted));
  {
    const UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    EXPECT_EQ(read_some(reader.get()), "cmd start 4711\n");
  }
  ASSERT_TRUE(info.tell({Task::kCommand, Event::kExit, 4711, 0}));
  const UniqueFd next(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_EQ(read_some(next.get()), "cmd exit 4711 0\n");
}

TEST(InfoTest, AFullFifoIsNotWaitedFor) {
  const test::TempDir dir;
  const auto path = dir.path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  Info info;
  ASSERT_TRUE(info.open(path, false));
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(info.tell(kStarted));
}

TEST(InfoTest, WhatCannotBeOpenedIsAnError) {
  Info info;
  const auto opened = info.open("/no/such/directory/info", false);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ENOENT);
  EXPECT_TRUE(info.tell(kStarted)) << "without a file nothing is told";
}

}  // namespace
}  // namespace contained::supervise
