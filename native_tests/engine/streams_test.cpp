#include "engine/streams.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "engine/outbox.hpp"
#include "protocol/codec.hpp"
#include "support/pipes.hpp"

namespace contained::engine {
namespace {

using contained::test::nonblocking_pipe;
using contained::test::put;
using contained::test::take;
using protocol::Stream;

constexpr std::size_t kHeader = protocol::kOutputHeaderSize;

class StreamsTest : public ::testing::Test, public StreamsOwner {
 protected:
  StreamsTest() {
    ::signal(SIGPIPE, SIG_IGN);
    start_.id = 7;
    start_.window = 10;
  }

  // Opens one output stream and returns the end that the command writes.
  UniqueFd output(Streams& streams, Stream stream) {
    auto pipe = nonblocking_pipe();
    Pipes pipes;
    pipes.outputs.push_back({stream, std::move(pipe.read)});
    streams.open(std::move(pipes));
    return std::move(pipe.write);
  }

  UniqueFd input(Streams& streams, int number, bool feed) {
    auto pipe = nonblocking_pipe();
    Pipes pipes;
    pipes.inputs.push_back({number, std::move(pipe.write), feed});
    streams.open(std::move(pipes));
    return std::move(pipe.read);
  }

  std::string run() {
    io_.restart();
    io_.poll();
    return take(vm_.read.get());
  }

  void on_stream_end() override { ++ends_; }
  void on_overflow() override { ++overflows_; }

  asio::io_context io_;
  PipeEnds vm_ = nonblocking_pipe();
  Outbox outbox_{io_, std::move(vm_.write), true, [] {}};
  protocol::Start start_;
  int ends_ = 0;
  int overflows_ = 0;
};

TEST_F(StreamsTest, NothingIsToldBeforeTheProgramRuns) {
  Streams streams(io_, outbox_, start_, *this);
  const auto out = output(streams, Stream::kStdout);
  put(out.get(), "hi");
  EXPECT_EQ(run(), "");
  streams.begin();
  EXPECT_EQ(run().substr(kHeader), "hi");
  EXPECT_EQ(streams.sent(Stream::kStdout), 2U);
}

TEST_F(StreamsTest, EachStreamHasAWindowOfItsOwn) {
  Streams streams(io_, outbox_, start_, *this);
  const auto out = output(streams, Stream::kStdout);
  const auto third = output(streams, Stream{3});
  streams.begin();
  put(out.get(), std::string(20, 'o'));
  put(third.get(), std::string(20, '3'));
  EXPECT_EQ(run().size(), 2 * (kHeader + 10));
  EXPECT_EQ(streams.credit({7, Stream{3}, 5}), "");
  EXPECT_EQ(run().substr(kHeader), "33333");
  EXPECT_EQ(streams.sent(Stream::kStdout), 10U);
  EXPECT_EQ(streams.sent(Stream{3}), 15U);
}

TEST_F(StreamsTest, TheLimitIsOfAllStreamsTogether) {
  start_.max_output = 12;
  Streams streams(io_, outbox_, start_, *this);
  const auto out = output(streams, Stream::kStdout);
  const auto err = output(streams, Stream::kStderr);
  streams.begin();
  put(out.get(), std::string(8, 'o'));
  EXPECT_EQ(run().size(), kHeader + 8);
  put(err.get(), std::string(8, 'e'));
  EXPECT_EQ(run().size(), kHeader + 4);
  run();
  EXPECT_EQ(overflows_, 1);
}

TEST_F(StreamsTest, WhatIsAbandonedIsReadAndDropped) {
  Streams streams(io_, outbox_, start_, *this);
  auto out = output(streams, Stream::kStdout);
  streams.begin();
  streams.abandon();
  put(out.get(), std::string(1000, 'x'));
  out.reset();
  run();
  run();
  EXPECT_EQ(ends_, 1);
  EXPECT_EQ(streams.sent(Stream::kStdout), 0U);
}

TEST_F(StreamsTest, InputGoesToItsDescriptor) {
  Streams streams(io_, outbox_, start_, *this);
  const auto in = input(streams, 0, true);
  const auto fourth = input(streams, 4, true);
  EXPECT_EQ(streams.input({7, "four", 4}), "");
  EXPECT_EQ(streams.input({7, "zero", 0}), "");
  EXPECT_EQ(take(in.get()), "zero");
  EXPECT_EQ(take(fourth.get()), "four");
}

TEST_F(StreamsTest, WhatIsNotPipedIsRefused) {
  Streams streams(io_, outbox_, start_, *this);
  const auto silent = input(streams, 0, false);
  EXPECT_EQ(streams.input({7, "x", 0}), "not_piped");
  EXPECT_EQ(streams.input({7, "x", 5}), "not_piped");
  EXPECT_EQ(streams.close_input(0), "not_piped");
  EXPECT_EQ(streams.credit({7, Stream::kStderr, 1}), "not_piped");
}

TEST_F(StreamsTest, MoreThanTheInputWindowIsRefused) {
  Streams streams(io_, outbox_, start_, *this);
  const auto in = input(streams, 0, true);
  EXPECT_EQ(streams.input({7, std::string(protocol::kInputWindow + 1, 'x'), 0}), "window_exceeded");
}

}  // namespace
}  // namespace contained::engine
