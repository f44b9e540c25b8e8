// The pace of restarts: starts are counted from each other, not from ends.
#include "supervise/policy.hpp"

#include <gtest/gtest.h>

namespace contained::supervise {
namespace {

Pace pace() { return Pace({.min = 1000, .max = 8000, .factor = 2}); }

TEST(PaceTest, WhatFailsAtOnceWaitsLongerEachTime) {
  auto it = pace();
  Milliseconds now = 0;
  for (const Milliseconds wait : {1000, 2000, 4000, 8000, 8000}) {
    it.started(now);
    EXPECT_EQ(it.ended(now, true), wait);
    now += wait;
  }
}

TEST(PaceTest, TheTimeItRanCounts) {
  auto it = pace();
  it.started(100);
  EXPECT_EQ(it.ended(400, true), 700U);
  it.started(1100);
  EXPECT_EQ(it.ended(5100, true), 0U);
}

TEST(PaceTest, WhatHasRunForLongBeginsAnew) {
  auto it = pace();
  it.started(0);
  EXPECT_EQ(it.ended(0, true), 1000U);
  it.started(1000);
  EXPECT_EQ(it.ended(9000, true), 0U);
  it.started(9000);
  EXPECT_EQ(it.ended(9000, true), 2000U);
}

TEST(PaceTest, SuccessIsNotHeldAgainstIt) {
  auto it = pace();
  it.started(0);
  EXPECT_EQ(it.ended(0, true), 1000U);
  it.started(1000);
  EXPECT_EQ(it.ended(1000, false), 1000U);
  it.started(2000);
  EXPECT_EQ(it.ended(2000, false), 1000U);
}

TEST(PaceTest, NoPauseIsPossible) {
  Pace it({.min = 0, .max = 0, .factor = 1});
  it.started(5);
  EXPECT_EQ(it.ended(5, true), 0U);
  EXPECT_EQ(it.ended(5, true), 0U);
}

TEST(FuseTest, RestartsOutsideOfTheWindowAreForgotten) {
  Fuse fuse(Burst{.restarts = 2, .window = 1000});
  EXPECT_TRUE(fuse.holds(0));
  EXPECT_TRUE(fuse.holds(500));
  EXPECT_TRUE(fuse.holds(1000));
  EXPECT_FALSE(fuse.holds(1400));
}

TEST(FuseTest, WithoutABurstItHolds) {
  Fuse fuse(std::nullopt);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(fuse.holds(0));
}

}  // namespace
}  // namespace contained::supervise
