#include "cgroup/stats.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "support/fixture_tree.hpp"
#include "support/temp_dir.hpp"

namespace contained::cgroup {
namespace {

TEST(ParseIoStat, SumsOverDevices) {
  const auto sums = parse_io_stat(
      "254:0 rbytes=100 wbytes=20 rios=3 wios=4 dbytes=0 dios=0\n"
      "7:0 \n"
      "8:0 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=9 dios=9\n");
  EXPECT_EQ(
      sums,
      (Stats{{"io_read_bytes", 101}, {"io_written_bytes", 22}, {"io_reads", 4}, {"io_writes", 5}}));
}

TEST(LimitsHit, AreThoseThatHaveHeldItBack) {
  EXPECT_TRUE(limits_hit({{"memory_current", 9}, {"pids_max_events", 0}}).empty());
  EXPECT_EQ(limits_hit({{"cpu_throttled", 1}, {"pids_max_events", 2}, {"memory_max_events", 3}}),
            (std::vector<std::string>{"memory", "pids", "cpu"}));
  EXPECT_EQ(limits_hit({{"memory_max_events", 3}, {"memory_oom_kill", 1}}),
            std::vector<std::string>{"memory"});
}

TEST(ParseBlkio, SumsOverDevices) {
  const auto sums = parse_blkio(
      "254:0 Read 100\n254:0 Write 20\n254:0 Sync 5\n254:0 Total 120\n"
      "8:0 Read 1\n8:0 Write 2\nTotal 123\n",
      "r", "w");
  EXPECT_EQ(sums, (Stats{{"r", 101}, {"w", 22}}));
  EXPECT_EQ(parse_blkio("Total 0\n", "r", "w"), (Stats{{"r", 0}, {"w", 0}}));
}

}  // namespace
}  // namespace contained::cgroup
