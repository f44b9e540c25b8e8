#include "base/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <type_traits>
#include <utility>

namespace contained {
namespace {

int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

static_assert(!std::is_copy_constructible_v<UniqueFd>);
static_assert(!std::is_copy_assignable_v<UniqueFd>);
static_assert(std::is_nothrow_move_constructible_v<UniqueFd>);
static_assert(std::is_nothrow_move_assignable_v<UniqueFd>);

TEST(UniqueFd, OwnsNothingAtFirst) {
  const UniqueFd none;
  EXPECT_FALSE(none.valid());
  EXPECT_EQ(none.get(), -1);
}

TEST(UniqueFd, ClosesAtItsEnd) {
  const int raw = open_null();
  {
    const UniqueFd fd(raw);
    EXPECT_TRUE(fd);
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFd, MovesWithoutClosing) {
  const int raw = open_null();
  UniqueFd first(raw);
  const UniqueFd second(std::move(first));
  EXPECT_EQ(first.get(),
            -1);  // NOLINT(bugprone-use-after-move): the state after a move is promised
  EXPECT_EQ(second.get(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, AssignmentClosesWhatItHeld) {
  const int old = open_null();
  const int raw = open_null();
  UniqueFd fd(old);
  fd = UniqueFd(raw);
  EXPECT_FALSE(is_open(old));
  EXPECT_TRUE(is_open(raw));
  EXPECT_EQ(fd.get(), raw);
}

TEST(UniqueFd, SurvivesAssignmentToItself) {
  const int raw = open_null();
  UniqueFd fd(raw);
  auto& same = fd;
  fd = std::move(same);
  EXPECT_EQ(fd.get(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, ResetToTheSameNumberKeepsItOpen) {
  const int raw = open_null();
  UniqueFd fd(raw);
  fd.reset(raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, ReleaseGivesItUp) {
  const int raw = open_null();
  UniqueFd fd(raw);
  EXPECT_EQ(fd.release(), raw);
  EXPECT_FALSE(fd.valid());
  EXPECT_TRUE(is_open(raw));
  ::close(raw);
}

// A second close would hit whoever got the number meanwhile.
TEST(UniqueFd, ClosesOnce) {
  UniqueFd fd(open_null());
  const int number = fd.get();
  fd.reset();
  const UniqueFd other(open_null());
  ASSERT_EQ(other.get(), number);
  fd.reset();
  EXPECT_TRUE(is_open(other.get()));
}

}  // namespace
}  // namespace contained
