#include "engine/terminal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "engine/feeder.hpp"
#include "support/looking.hpp"

namespace contained::engine {
namespace {

Terminal opened(const protocol::Terminal& asked = {}) {
  auto terminal = open_terminal(asked);
  EXPECT_TRUE(terminal) << terminal.error().message();
  return std::move(terminal).value();
}

winsize size_of(int fd) {
  winsize size = {};
  EXPECT_EQ(::ioctl(fd, TIOCGWINSZ, &size), 0);
  return size;
}

void set_raw(int fd) {
  termios settings = {};
  ASSERT_EQ(::tcgetattr(fd, &settings), 0);
  ::cfmakeraw(&settings);
  ASSERT_EQ(::tcsetattr(fd, TCSANOW, &settings), 0);
}

std::string read_some(int fd) {
  std::array<char, 4096> bytes = {};
  const auto count = ::read(fd, bytes.data(), bytes.size());
  return count > 0 ? std::string(bytes.data(), static_cast<std::size_t>(count)) : std::string();
}

TEST(Terminal, HasTheSizeAskedForAndIsResizedFromEitherEnd) {
  const auto terminal = opened({{40, 132}, false});
  EXPECT_EQ(size_of(terminal.commands.get()).ws_row, 40);
  EXPECT_EQ(size_of(terminal.commands.get()).ws_col, 132);
  ASSERT_TRUE(resize(terminal.ours.get(), {1, 65535}));
  EXPECT_EQ(size_of(terminal.commands.get()).ws_row, 1);
  EXPECT_EQ(size_of(terminal.commands.get()).ws_col, 65535);
}

TEST(Terminal, EchoesOnlyWhenAsked) {
  for (const bool echo : {false, true}) {
    const auto terminal = opened({{}, echo});
    ASSERT_EQ(::write(terminal.ours.get(), "typed\n", 6), 6);
    EXPECT_EQ(read_some(terminal.commands.get()), "typed\n");
    EXPECT_EQ(read_some(terminal.ours.get()), echo ? "typed\r\n" : "");
  }
}

TEST(Terminal, OursNeverBlocksAndNeitherSurvivesAnExec) {
  const auto terminal = opened();
  EXPECT_NE(::fcntl(terminal.ours.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(terminal.commands.get(), F_GETFL) & O_NONBLOCK, 0);
  for (const int fd : {terminal.ours.get(), terminal.commands.get()}) {
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
}

// What the kernel promises and the pump relies on: all that was written comes before the end.
TEST(Terminal, ItsEndComesAfterAllThatWasWritten) {
  auto terminal = opened();
  set_raw(terminal.commands.get());
  const std::string text(3000, 'x');
  ASSERT_EQ(::write(terminal.commands.get(), text.data(), text.size()), 3000);
  terminal.commands.reset();
  std::string read;
  while (read.size() < text.size()) {
    const auto more = read_some(terminal.ours.get());
    ASSERT_FALSE(more.empty());
    read += more;
  }
  char byte = 0;
  EXPECT_EQ(::read(terminal.ours.get(), &byte, 1), -1);
  EXPECT_EQ(errno, EIO);
}

TEST(EndOfInput, IsACharacterPerLineBegunAndOneMore) {
  const auto terminal = opened();
  EXPECT_EQ(end_of_input(terminal.ours.get(), true), "\x04");
  EXPECT_EQ(end_of_input(terminal.ours.get(), false), "\x04\x04");
}

TEST(EndOfInput, IsUnknownToWhoReadsRaw) {
  const auto terminal = opened();
  set_raw(terminal.commands.get());
  EXPECT_EQ(end_of_input(terminal.ours.get(), true), "");
}

class FedTerminal : public ::testing::Test, public FeederOwner {
 protected:
  void on_fed(std::size_t bytes) override { fed_ += bytes; }
  void on_input_closed(int code) override { closed_with_ = code; }

  std::string command_reads() {
    for (int i = 0; i < 100; ++i) io_.poll();
    return read_some(terminal_.commands.get());
  }

  asio::io_context io_;
  Terminal terminal_ = opened();
  std::shared_ptr<Feeder> feeder_ = std::make_shared<Feeder>(
      io_, UniqueFd(::dup(terminal_.ours.get())), true, static_cast<FeederOwner&>(*this));
  std::size_t fed_ = 0;
  int closed_with_ = 0;
};

TEST_F(FedTerminal, EndsItsInputAndStaysOpen) {
  ASSERT_TRUE(feeder_->feed("one\n"));
  feeder_->close();
  feeder_->close();
  EXPECT_EQ(command_reads(), "one\n");
  EXPECT_EQ(command_reads(), "") << "the end of file";
  EXPECT_EQ(fed_, 4U) << "credit for what was fed, and no more";
  ASSERT_EQ(::write(terminal_.commands.get(), "still\n", 6), 6);
  EXPECT_EQ(read_some(terminal_.ours.get()), "still\r\n");
}

TEST_F(FedTerminal, HandsOverALineThatIsNotEnded) {
  ASSERT_TRUE(feeder_->feed("half"));
  feeder_->close();
  EXPECT_EQ(command_reads(), "half");
  EXPECT_EQ(command_reads(), "");
  EXPECT_EQ(fed_, 4U);
}

// A terminal takes a few kilobytes of lines; the rest, and the end, wait for the command.
TEST_F(FedTerminal, TheEndWaitsForAllThatWasFed) {
  std::string lines;
  while (lines.size() < 200'000) lines += "a line of input\n";
  ASSERT_TRUE(feeder_->feed(lines));
  feeder_->close();
  std::string read;
  for (auto more = command_reads(); !more.empty(); more = command_reads()) read += more;
  EXPECT_EQ(read.size(), lines.size());
  EXPECT_EQ(read, lines);
  EXPECT_EQ(fed_, lines.size());
}

}  // namespace
}  // namespace contained::engine
