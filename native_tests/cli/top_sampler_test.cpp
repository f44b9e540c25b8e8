// What top reads of processes.
#include "cli/top_sampler.hpp"

#include <gtest/gtest.h>

namespace contained::cli {
namespace {

constexpr const char* kStat =
    "4711 (a ) b(c) S 1 4711 4711 0 -1 4194560 1 2 3 4 250 150 0 0 20 0 1 0 90000 2000000 300 "
    "18446744073709551615 1 1 0 0";

TEST(TopSampler, ReadsWhatAProcessUses) {
  const auto use = parse_proc_use(kStat, 960'000, 100, 4096);
  ASSERT_TRUE(use);
  EXPECT_EQ(use->name, "a ) b(c");
  EXPECT_EQ(use->cpu_us, 4'000'000U);
  EXPECT_EQ(use->age_ms, 60'000U);
  EXPECT_EQ(use->resident, 300U * 4096);
}

TEST(TopSampler, AClockThatIsBehindMakesNobodyOld) {
  EXPECT_EQ(parse_proc_use(kStat, 100, 100, 4096)->age_ms, 0U);
}

TEST(TopSampler, WhatIsNoStatIsAnError) {
  EXPECT_FALSE(parse_proc_use("", 0, 100, 4096));
  EXPECT_FALSE(parse_proc_use("1 )x( S", 0, 100, 4096));
  EXPECT_EQ(parse_proc_use("1 (x) S", 0, 100, 4096)->resident, 0U) << "fields may be missing";
}

}  // namespace
}  // namespace contained::cli
