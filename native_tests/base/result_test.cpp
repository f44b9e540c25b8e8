#include "base/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace contained {
namespace {

Result<std::string> word(bool good) {
  if (!good) return Error{EINVAL, Stage::kOption, "word"};
  return std::string("hello");
}

TEST(Result, HoldsAValue) {
  auto result = word(true);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(*result, "hello");
  EXPECT_EQ(result->size(), 5U);
  EXPECT_EQ(std::as_const(result).value(), "hello");
}

TEST(Result, HoldsAnError) {
  const auto result = word(false);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, EINVAL);
  EXPECT_EQ(result.error().subject, "word");
}

TEST(Result, GivesUpAValueThatOnlyMoves) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 7);
}

TEST(Result, ErrorCanBeCompletedOnItsWayUp) {
  auto result = word(false);
  result.error().subject = "longer";
  EXPECT_EQ(result.error().message(), "option: einval (longer)");
}

TEST(Status, IsDoneOrAnError) {
  const Status good = Done{};
  const Status bad = Error{EIO, Stage::kFile, {}};
  EXPECT_TRUE(good.ok());
  EXPECT_FALSE(bad.ok());
}

}  // namespace
}  // namespace contained
