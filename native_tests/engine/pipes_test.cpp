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
  auto pipes = make_pipes(protocol::Start{}, kNull, Links());
  ASSERT_TRUE(pipes.ok());
  ASSERT_EQ(pipes->inputs.size(), 1U);
  EXPECT_FALSE(pipes->inputs[0].feed);
  ASSERT_EQ(pipes->outputs.size(), 1U);
  EXPECT_EQ(pipes->outputs[0].stream, protocol::Stream::kStdout);
  EXPECT_EQ(pipes->child[2], 2);
}

TEST(PipesTest, InheritAndNullNeedNoPipe) {
  auto pipes = make_pipes(
      with(protocol::Stdin::kInherit, protocol::Output::kInherit, protocol::Output::kNull), kNull,
      Links());
  ASSERT_TRUE(pipes.ok());
  EXPECT_EQ(pipes->child, (std::array<int, 3>{0, 1, kNull}));
  EXPECT_TRUE(pipes->inputs.empty() && pipes->outputs.empty() && pipes->held.empty());
}

TEST(PipesTest, MergedStreamsAreTheSamePipe) {
  auto pipes =
      make_pipes(with(protocol::Stdin::kNull, protocol::Output::kPipe, protocol::Output::kStdout),
                 kNull, Links());
  ASSERT_TRUE(pipes.ok());
  EXPECT_EQ(pipes->child[1], pipes->child[2]);
  EXPECT_EQ(pipes->child[0], kNull);
}

TEST(PipesTest, OursNeverBlockAndTheChildsDo) {
  auto pipes =
      make_pipes(with(protocol::Stdin::kPipe, protocol::Output::kPipe, protocol::Output::kPipe),
                 kNull, Links());
  ASSERT_TRUE(pipes.ok());
  EXPECT_TRUE(pipes->inputs[0].feed);
  for (const int fd :
       {pipes->inputs[0].fd.get(), pipes->outputs[0].fd.get(), pipes->outputs[1].fd.get()}) {
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  for (const int fd : pipes->child) EXPECT_EQ(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

TEST(PipesTest, FurtherDescriptorsOfEachKind) {
  using Kind = protocol::Fd::Kind;
  auto start = with(protocol::Stdin::kNull, protocol::Output::kPipe, protocol::Output::kInherit);
  start.fds = {{3, Kind::kOutput},
               {4, Kind::kInput},
               {5, Kind::kNull},
               {6, Kind::kStdout},
               {7, Kind::kStderr}};
  auto pipes = make_pipes(start, kNull, Links());
  ASSERT_TRUE(pipes.ok());
  ASSERT_EQ(pipes->outputs.size(), 2U);
  EXPECT_EQ(pipes->outputs[1].stream, protocol::Stream{3});
  ASSERT_EQ(pipes->inputs.size(), 1U);
  EXPECT_EQ(pipes->inputs[0].number, 4);
  EXPECT_TRUE(pipes->inputs[0].feed);
  ASSERT_EQ(pipes->extras.size(), 5U);
  EXPECT_EQ(pipes->extras[2], std::pair(5, kNull));
  EXPECT_EQ(pipes->extras[3], std::pair(6, pipes->child[1]));
  EXPECT_EQ(pipes->extras[4], std::pair(7, 2));
}

TEST(PipesTest, LinksAreGivenByName) {
  using Kind = protocol::Fd::Kind;
  Links links;
  ASSERT_EQ(links.open("a"), "");
  auto start = with(protocol::Stdin::kLink, protocol::Output::kLink, protocol::Output::kStdout);
  start.in_link = start.out_link = "a";
  start.fds = {{3, Kind::kLinkIn, "a"}, {4, Kind::kLinkOut, "a"}};
  auto pipes = make_pipes(start, kNull, links);
  ASSERT_TRUE(pipes.ok());
  EXPECT_TRUE(pipes->inputs.empty() && pipes->outputs.empty());
  EXPECT_EQ(pipes->held.size(), 4U);
  EXPECT_EQ(pipes->child[1], pipes->child[2]);
  EXPECT_EQ(::fcntl(pipes->child[0], F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_EQ(::fcntl(pipes->child[1], F_GETFL) & O_ACCMODE, O_WRONLY);
  EXPECT_EQ(::fcntl(pipes->extras[0].second, F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_EQ(::fcntl(pipes->extras[1].second, F_GETFL) & O_ACCMODE, O_WRONLY);
}

TEST(PipesTest, ALinkThatIsNotOpenIsAnError) {
  auto start = with(protocol::Stdin::kNull, protocol::Output::kNull, protocol::Output::kLink);
  start.err_link = "a";
  const auto pipes = make_pipes(start, kNull, Links());
  ASSERT_FALSE(pipes.ok());
  EXPECT_EQ(pipes.error().code, ENOENT);
  EXPECT_EQ(pipes.error().stage, Stage::kPipe);
  EXPECT_EQ(pipes.error().subject, "a");
}

}  // namespace
}  // namespace contained::engine
