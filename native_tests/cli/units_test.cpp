#include "cli/units.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <optional>

namespace {

using namespace contained::cli;

TEST(Units, Sizes) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("512b"), 512U);
  EXPECT_EQ(parse_size("64M"), 64U << 20);
  EXPECT_EQ(parse_size("64m"), 64U << 20);
  EXPECT_EQ(parse_size("1GiB"), 1U << 30);
  EXPECT_EQ(parse_size("1.5K"), 1536U);
  for (const char* const wrong : {"", "M", "-1", "64Q", "1.", "1 M", "99999999999T", "64Mb "}) {
    EXPECT_EQ(parse_size(wrong), std::nullopt) << wrong;
  }
}

TEST(Units, Times) {
  EXPECT_EQ(parse_time("500ms"), 500U);
  EXPECT_EQ(parse_time("10"), 10'000U);
  EXPECT_EQ(parse_time("10", 1), 10U);
  EXPECT_EQ(parse_time("5m"), 300'000U);
  EXPECT_EQ(parse_time("1.5h"), 5'400'000U);
  EXPECT_EQ(parse_time("1M"), 30U * 86'400'000U);
  EXPECT_EQ(parse_time("1y"), std::uint64_t{365} * 86'400'000U);
  for (const char* const wrong : {"", "s", "-1s", "1min", "999y"}) {
    EXPECT_EQ(parse_time(wrong), std::nullopt) << wrong;
  }
}

TEST(Units, Shown) {
  EXPECT_EQ(format_size(512), "512B");
  EXPECT_EQ(format_size(1536), "1.5K");
  EXPECT_EQ(format_size(64U << 20), "64M");
  EXPECT_EQ(format_time(350), "350ms");
  EXPECT_EQ(format_time(303'000), "5m03s");
  EXPECT_EQ(format_time(7'500'000), "2h05m");
  EXPECT_EQ(format_time(273'600'000), "3d04h");
}

}  // namespace
