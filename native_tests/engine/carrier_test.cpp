#include "engine/carrier.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>

#include <csignal>

#include "protocol/codec.hpp"
#include "support/pipes.hpp"
#include "support/temp_dir.hpp"

namespace contained::engine {
namespace {

using contained::test::fill;
using contained::test::nonblocking_pipe;
using contained::test::put;
using contained::test::take;
using protocol::Stream;

constexpr std::size_t kHeader = protocol::kOutputHeaderSize;

std::string frame_of(protocol::Id id, Stream stream, std::string_view payload) {
  std::array<char, kHeader> header;
  protocol::write_output_header(header, id, stream, static_cast<std::uint32_t>(payload.size()));
  return std::string(header.begin(), header.end()) + std::string(payload);
}

// Both ways of carrying: with splice and without.
class CarrierTest : public ::testing::TestWithParam<bool> {
 protected:
  CarrierTest() { ::signal(SIGPIPE, SIG_IGN); }

  Carrier carrier_{GetParam()};
  PipeEnds command_ = nonblocking_pipe();
  PipeEnds vm_ = nonblocking_pipe();

  Take load(std::size_t most) {
    return carrier_.load(command_.read.get(), most, 7, Stream::kStderr);
  }
  Push push() { return carrier_.push(vm_.write.get()); }
};

TEST_P(CarrierTest, BringsASmallAmountAsOneFrame) {
  put(command_.write.get(), "hi\n");
  ASSERT_EQ(load(1000), Take::kTaken);
  EXPECT_EQ(carrier_.payload(), 3U);
  EXPECT_EQ(push(), Push::kDone);
  EXPECT_TRUE(carrier_.empty());
  EXPECT_EQ(take(vm_.read.get()), frame_of(7, Stream::kStderr, "hi\n"));
}

TEST_P(CarrierTest, BringsALargeAmountToTheByte) {
  enlarge_pipe(vm_.write.get());
  std::string expected;
  for (int i = 0; i < 60'000; ++i) expected += static_cast<char>('a' + i % 26);
  put(command_.write.get(), expected);
  std::string got;
  while (got.size() < expected.size()) {
    ASSERT_EQ(load(1 << 20), Take::kTaken);
    ASSERT_EQ(push(), Push::kDone);
    got += take(vm_.read.get()).substr(kHeader);
  }
  EXPECT_EQ(got, expected);
}

TEST_P(CarrierTest, TakesNoMoreThanItMay) {
  put(command_.write.get(), std::string(20'000, 'x'));
  ASSERT_EQ(load(9'000), Take::kTaken);
  EXPECT_EQ(carrier_.payload(), 9'000U);
}

TEST_P(CarrierTest, AnEmptyPipeIsNothingAndAClosedOneTheEnd) {
  EXPECT_EQ(load(10), Take::kNothing);
  command_.write.reset();
  EXPECT_EQ(load(10), Take::kEnd);
  EXPECT_TRUE(carrier_.empty());
}

TEST_P(CarrierTest, AFullVmPipeBlocksAndTheFrameGoesOnLater) {
  fill(vm_.write.get());
  const std::string payload(30'000, 'p');
  put(command_.write.get(), payload);
  ASSERT_EQ(load(1 << 20), Take::kTaken);
  std::string got;
  Push state = push();
  EXPECT_EQ(state, Push::kBlocked);
  take(vm_.read.get());  // the filling
  for (int i = 0; i < 100 && state == Push::kBlocked; ++i) {
    state = push();
    got += take(vm_.read.get());
  }
  EXPECT_EQ(state, Push::kDone);
  EXPECT_EQ(got, frame_of(7, Stream::kStderr, payload));
}

TEST_P(CarrierTest, AVmThatIsGoneBreaks) {
  put(command_.write.get(), "x");
  ASSERT_EQ(load(10), Take::kTaken);
  vm_.read.reset();
  EXPECT_EQ(push(), Push::kBroken);
  carrier_.drop();
  EXPECT_TRUE(carrier_.empty());
}

INSTANTIATE_TEST_SUITE_P(Ways, CarrierTest, ::testing::Bool(),
                         [](const auto& way) { return way.param ? "splice" : "read"; });

// An inotify descriptor tells how much it holds and can be read, but cannot be spliced (EINVAL).
TEST(CarrierSpliceTest, FallsBackForGoodWhereSpliceIsRefused) {
  const contained::test::TempDir dir;
  const UniqueFd events(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(::inotify_add_watch(events.get(), dir.path().c_str(), IN_CREATE), 0);
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(open_at(AT_FDCWD, dir.path(std::to_string(i)), O_CREAT | O_WRONLY).ok());
  }
  Carrier carrier(true);
  ASSERT_TRUE(carrier.splices());
  EXPECT_EQ(carrier.load(events.get(), 1 << 20, 1, Stream::kStdout), Take::kTaken);
  EXPECT_GT(carrier.payload(), 8U * 1024);
  EXPECT_FALSE(carrier.splices());
}

}  // namespace
}  // namespace contained::engine
