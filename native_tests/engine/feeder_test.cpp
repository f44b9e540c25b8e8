#include "engine/feeder.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "protocol/message.hpp"
#include "support/pipes.hpp"

namespace contained::engine {
namespace {

using contained::test::nonblocking_pipe;
using contained::test::take;

class FeederTest : public ::testing::Test, protected FeederOwner {
 protected:
  FeederTest() { ::signal(SIGPIPE, SIG_IGN); }

  void on_fed(std::size_t bytes) override { fed_ += bytes; }
  void on_input_closed(int code) override { closed_with_ = code; }

  void run() {
    io_.restart();
    io_.poll();
  }

  asio::io_context io_;
  PipeEnds pipe_ = nonblocking_pipe();
  std::shared_ptr<Feeder> feeder_ = std::make_shared<Feeder>(io_, std::move(pipe_.write), false,
                                                             static_cast<FeederOwner&>(*this));
  std::size_t fed_ = 0;
  int closed_with_ = 0;
};

TEST_F(FeederTest, WritesAtOnceAndSaysSo) {
  EXPECT_TRUE(feeder_->feed("hello"));
  EXPECT_EQ(fed_, 5U);
  EXPECT_EQ(take(pipe_.read.get()), "hello");
}

TEST_F(FeederTest, KeepsWhatTheCommandDoesNotReadYet) {
  const std::string block(64 * 1024, 'b');
  EXPECT_TRUE(feeder_->feed(block));
  EXPECT_TRUE(feeder_->feed(block));
  const auto before = fed_;
  EXPECT_LT(before, 2 * block.size());
  std::size_t read = 0;
  while (read < 2 * block.size()) {
    read += take(pipe_.read.get()).size();
    run();
  }
  EXPECT_EQ(fed_, 2 * block.size());
}

TEST_F(FeederTest, RefusesWhatExceedsTheWindow) {
  // The pipe takes 64 KiB and gives that credit back; beyond it the window fills up.
  const std::string block(64 * 1024, 'b');
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(feeder_->feed(block)) << i;
  EXPECT_FALSE(feeder_->feed(block));
}

TEST_F(FeederTest, TheEndComesAfterWhatWasFed) {
  const std::string data(200 * 1024, 'd');
  EXPECT_TRUE(feeder_->feed(data));
  feeder_->close();
  std::size_t read = 0;
  for (int i = 0; i < 1000 && read < data.size(); ++i) {
    read += take(pipe_.read.get()).size();
    run();
  }
  EXPECT_EQ(read, data.size());
  char byte = 0;
  EXPECT_EQ(::read(pipe_.read.get(), &byte, 1), 0);
}

TEST_F(FeederTest, ACommandThatClosesItsStdinIsToldOnceAndNoError) {
  pipe_.read.reset();
  EXPECT_TRUE(feeder_->feed("x"));
  EXPECT_EQ(closed_with_, EPIPE);
  closed_with_ = 0;
  EXPECT_TRUE(feeder_->feed("more"));
  feeder_->close();
  EXPECT_EQ(closed_with_, 0);
}

TEST_F(FeederTest, ADetachedFeederDoesNothingMore) {
  EXPECT_TRUE(feeder_->feed(std::string(200 * 1024, 'd')));
  feeder_->detach();
  feeder_.reset();
  take(pipe_.read.get());
  run();
  char byte = 0;
  EXPECT_EQ(::read(pipe_.read.get(), &byte, 1), 0);
}

}  // namespace
}  // namespace contained::engine
