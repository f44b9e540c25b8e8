#include "session/window.hpp"

#include <gtest/gtest.h>

namespace contained::session {
namespace {

TEST(WindowTest, CountsDownAndUp) {
  Window window(10);
  window.take(4);
  EXPECT_EQ(window.left(), 6U);
  EXPECT_TRUE(window.grant(4));
  EXPECT_EQ(window.left(), 10U);
}

TEST(WindowTest, MayBeGrantedMoreThanItsSize) {
  Window window(1);
  EXPECT_TRUE(window.grant(1U << 30));
  EXPECT_EQ(window.left(), (1U << 30) + 1U);
}

TEST(WindowTest, RefusesAbsurdCreditAndKeepsWhatItHad) {
  Window window(7);
  EXPECT_FALSE(window.grant(~std::uint64_t{0}));
  EXPECT_FALSE(window.grant(std::uint64_t{1} << 41));
  EXPECT_EQ(window.left(), 7U);
}

TEST(WindowTest, RefusesWhatWouldAddUpToTooMuch) {
  Window window(0);
  EXPECT_TRUE(window.grant(std::uint64_t{1} << 40));
  EXPECT_FALSE(window.grant(1));
  EXPECT_EQ(window.left(), std::uint64_t{1} << 40);
}

}  // namespace
}  // namespace contained::session
