#include "engine/pipes.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace contained::engine {
namespace {

constexpr int kNull = 99;  // only handed through

protocol::Start with(protocol::Stdin in, protocol::Output out, protocol::Output err) {
  protocol::Start start;
  start.in = in;
  start.out = out;
  start.err = err;
  return start;
}

TEST(PipesTest, TheDefaultIsASilentStdinAPipedStdoutAndTheVmsStderr) {
  auto pipes = make_pipes(protocol::Start{}, kNull);
  ASSERT_TRUE(pipes.ok());
  EXPECT_TRUE(pipes->in.valid());
  EXPECT_FALSE(pipes->feed);
  EXPECT_TRUE(pipes->out.valid());
  EXPECT_FALSE(pipes->err.valid());
  EXPECT_EQ(pipes->child[2], 2);
}

TEST(PipesTest, InheritAndNullNeedNoPipe) {
  auto pipes = make_pipes(
      with(protocol::Stdin::kInherit, protocol::Output::kInherit, protocol::Output::kNull), kNull);
  ASSERT_TRUE(pipes.ok());
  EXPECT_EQ(pipes->child, (std::array<int, 3>{0, 1, kNull}));
  EXPECT_FALSE(pipes->in.valid() || pipes->out.valid() || pipes->err.valid());
}

TEST(PipesTest, MergedStreamsAreTheSamePipe) {
  auto pipes = make_pipes(
      with(protocol::Stdin::kNull, protocol::Output::kPipe, protocol::Output::kStdout), kNull);
  ASSERT_TRUE(pipes.ok());
  EXPECT_EQ(pipes->child[1], pipes->child[2]);
  EXPECT_EQ(pipes->child[0], kNull);
}

TEST(PipesTest, OursNeverBlockAndTheChildsDo) {
  auto pipes = make_pipes(
      with(protocol::Stdin::kPipe, protocol::Output::kPipe, protocol::Output::kPipe), kNull);
  ASSERT_TRUE(pipes.ok());
  EXPECT_TRUE(pipes->feed);
  for (const int fd : {pipes->in.get(), pipes->out.get(), pipes->err.get()}) {
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  for (const int fd : pipes->child) EXPECT_EQ(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace contained::engine
