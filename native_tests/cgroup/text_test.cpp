#include "cgroup/text.hpp"

#include <gtest/gtest.h>

namespace contained::cgroup {
namespace {

using Words = std::vector<std::string_view>;

TEST(Split, LeavesEmptyPartsOut) {
  EXPECT_EQ(split("a b\nc  d\n", ' '), (Words{"a", "b", "c", "d"}));
  EXPECT_EQ(split("a b\nc\n", '\n'), (Words{"a b", "c"}));
  EXPECT_EQ(split("", ','), Words{});
}

TEST(ToNumber, TakesDecimalNumbersOnly) {
  EXPECT_EQ(to_number("0"), 0U);
  EXPECT_EQ(to_number("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1\n", "0x1", "18446744073709551616"}) {
    EXPECT_EQ(to_number(text), std::nullopt) << text;
  }
}

TEST(NumberOf, FindsTheWholeKey) {
  constexpr char kText[] = "oom 1\noom_kill 2\nnegative -5\nbare\noom_kill_disable 3\n";
  EXPECT_EQ(number_of(kText, "oom"), 1U);
  EXPECT_EQ(number_of(kText, "oom_kill"), 2U);
  EXPECT_EQ(number_of(kText, "kill"), std::nullopt);
  EXPECT_EQ(number_of(kText, "bare"), std::nullopt);
  EXPECT_EQ(number_of(kText, "negative"), std::nullopt) << "kernels have shown such";
}

TEST(ToSet, ReadsRanges) {
  EXPECT_EQ(to_set("0-1,3"), (std::vector<bool>{true, true, false, true}));
  EXPECT_EQ(to_set("3,0,1"), to_set("0-1,3"));
  EXPECT_EQ(to_set(""), std::vector<bool>{});
  for (const char* text : {"a", "1-", "-1", "2-1", "0-65536", "0 1"}) {
    EXPECT_EQ(to_set(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace contained::cgroup
