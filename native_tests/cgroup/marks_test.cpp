#include "cgroup/marks.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

namespace contained::cgroup {
namespace {

TEST(Marks, AreApart) {
  const Marks marks;
  marks.set(3);
  EXPECT_TRUE(marks.may_be_set(3));
  EXPECT_FALSE(marks.may_be_set(2));
  EXPECT_FALSE(marks.may_be_set(4));
}

TEST(Marks, OfAForkedProcessAreSeenAfterItsDeath) {
  Marks marks;
  const Marks moved = std::move(marks);
  const pid_t child = ::fork();
  if (child == 0) {
    moved.set(1);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(moved.may_be_set(1));
  EXPECT_FALSE(moved.may_be_set(0));
}

TEST(Marks, BeyondTheirNumberAnythingMayBe) {
  const Marks marks;
  EXPECT_TRUE(marks.may_be_set(1'000'000));
  marks.set(1'000'000);
}

}  // namespace
}  // namespace contained::cgroup
