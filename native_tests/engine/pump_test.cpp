// Pump and outbox together: what a command writes, and what the VM gets.
#include "engine/pump.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <optional>

#include "engine/outbox.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "session/window.hpp"
#include "support/pipes.hpp"

namespace contained::engine {
namespace {

using contained::test::nonblocking_pipe;
using contained::test::put;
using contained::test::take;
using protocol::Stream;

constexpr std::size_t kHeader = protocol::kOutputHeaderSize;

// One command's stream with a window, as Live has it.
struct Command : PumpOwner {
  Command(asio::io_context& io, Outbox& outbox, protocol::Id id, std::uint64_t credit)
      : window(credit),
        pump(std::make_shared<Pump>(io, std::move(pipe.read), id, Stream::kStdout, outbox,
                                    static_cast<PumpOwner&>(*this))) {}
  ~Command() override { pump->detach(); }

  Allowance allowance(Stream) override { return {draining ? 1U << 20 : window.left(), probing}; }
  void on_taken(Stream, std::size_t bytes) override {
    taken += bytes;
    if (!draining) window.take(bytes);
  }
  void on_stream_end(Stream) override { ++ends; }
  void on_overflow() override { ++overflows; }

  PipeEnds pipe = nonblocking_pipe();
  session::Window window;
  bool draining = false;
  bool probing = false;
  std::size_t taken = 0;
  int ends = 0;
  int overflows = 0;
  std::shared_ptr<Pump> pump;
};

class PumpTest : public ::testing::Test {
 protected:
  PumpTest() { ::signal(SIGPIPE, SIG_IGN); }

  std::string run() {
    io_.restart();
    io_.poll();
    return take(vm_.read.get());
  }

  asio::io_context io_;
  PipeEnds vm_ = nonblocking_pipe();
  bool broken_ = false;
  Outbox outbox_{io_, std::move(vm_.write), true, [this] { broken_ = true; }};
};

TEST_F(PumpTest, IsNeverAheadOfItsCredit) {
  Command command(io_, outbox_, 1, 10);
  put(command.pipe.write.get(), std::string(1000, 'x'));
  command.pump->resume();
  EXPECT_EQ(run().size(), kHeader + 10);
  EXPECT_EQ(run().size(), 0U);
  ASSERT_TRUE(command.window.grant(25));
  command.pump->resume();
  EXPECT_EQ(run().size(), kHeader + 25);
  EXPECT_EQ(command.taken, 35U);
}

TEST_F(PumpTest, WithoutCreditThePipeIsNotEvenLookedAt) {
  Command command(io_, outbox_, 1, 0);
  command.pipe.write.reset();
  command.pump->resume();
  run();
  EXPECT_EQ(command.ends, 0);
  ASSERT_TRUE(command.window.grant(1));
  command.pump->resume();
  run();
  EXPECT_EQ(command.ends, 1);
}

TEST_F(PumpTest, SaysTheEndOnceAndAfterTheLastByte) {
  Command command(io_, outbox_, 1, 1000);
  put(command.pipe.write.get(), "tail");
  command.pipe.write.reset();
  command.pump->resume();
  EXPECT_EQ(run().substr(kHeader), "tail");
  EXPECT_EQ(command.ends, 1);
  command.pump->discard();
  EXPECT_EQ(command.ends, 1);
}

TEST_F(PumpTest, DrainingAnEmptyPipeIsTheEndThoughSomebodyHoldsIt) {
  Command command(io_, outbox_, 1, 0);
  put(command.pipe.write.get(), "rest");
  command.draining = true;
  command.pump->drain();
  EXPECT_EQ(run().substr(kHeader), "rest");
  EXPECT_EQ(command.ends, 1);
}

TEST_F(PumpTest, AByteBeyondTheLimitIsAnOverflowAndTheEndIsNot) {
  Command over(io_, outbox_, 1, 100);
  over.probing = true;
  put(over.pipe.write.get(), "x");
  over.pump->resume();
  Command exact(io_, outbox_, 2, 100);
  exact.probing = true;
  exact.pipe.write.reset();
  exact.pump->resume();
  run();
  EXPECT_EQ(over.overflows, 1);
  EXPECT_EQ(over.ends, 0);
  EXPECT_EQ(exact.overflows, 0);
  EXPECT_EQ(exact.ends, 1);
}

TEST_F(PumpTest, CommandsTakeTurnsOneFrameEach) {
  Command first(io_, outbox_, 1, 1U << 20);
  Command second(io_, outbox_, 2, 1U << 20);
  for (auto* command : {&first, &second}) {
    put(command->pipe.write.get(), std::string(3000, 'x'));
    command->pump->resume();
  }
  const auto bytes = run();
  ASSERT_EQ(bytes.size(), 2 * (kHeader + 3000));
  EXPECT_NE(bytes[19], bytes[19 + kHeader + 3000]) << "ids of the two frames";
}

TEST_F(PumpTest, ControlFramesGoBetweenFramesOnly) {
  Command command(io_, outbox_, 1, 1U << 20);
  put(command.pipe.write.get(), "data");
  command.pump->resume();
  outbox_.send(protocol::Pong{5});
  const auto pong = protocol::encode(protocol::Event(protocol::Pong{5}));
  const auto bytes = run();
  EXPECT_EQ(bytes.substr(0, pong.size()), pong);
  EXPECT_EQ(bytes.substr(pong.size() + kHeader), "data");
}

TEST_F(PumpTest, AVmThatIsGoneIsToldOnceAndTheRestDropped) {
  Command command(io_, outbox_, 1, 1U << 20);
  vm_.read.reset();
  outbox_.send(protocol::Pong{1});
  io_.poll();
  EXPECT_TRUE(broken_);
  EXPECT_TRUE(outbox_.broken());
  put(command.pipe.write.get(), "nobody reads this");
  command.pipe.write.reset();
  command.pump->resume();
  io_.restart();
  io_.poll();
  EXPECT_EQ(command.ends, 1);
  EXPECT_TRUE(outbox_.idle());
}

TEST_F(PumpTest, AStalledVmStallsThePumpAndLosesNothing) {
  Command command(io_, outbox_, 1, 64U << 20);
  std::size_t written = 0;
  std::size_t received = 0;
  for (int round = 0; round < 200; ++round) {
    written += contained::test::fill(command.pipe.write.get());
    command.pump->resume();
    io_.restart();
    io_.poll();  // the VM does not read
  }
  EXPECT_LT(written, 4U << 20) << "bounded by the pipes";
  command.pipe.write.reset();
  protocol::FrameReader reader;
  for (int round = 0; round < 1000 && command.ends == 0; ++round) received += run().size();
  received += run().size();
  EXPECT_GE(received, written);
  EXPECT_EQ(command.taken, written);
}

}  // namespace
}  // namespace contained::engine
