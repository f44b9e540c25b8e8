#include "cgroup/in_force.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "support/fixture_tree.hpp"

namespace contained::cgroup {
namespace {

using test::dir;
using test::file;
using test::FixtureTree;
using Limits = std::vector<Limit>;

Limits read(const FixtureTree& tree, const char* below, std::string_view controller,
            Version version) {
  const auto fd = open_at(AT_FDCWD, tree.path(below), O_RDONLY | O_DIRECTORY);
  return limits_in_force(fd->get(), controller, version);
}

TEST(LimitsInForce, OfV2LeaveOutWhatIsNoLimit) {
  const FixtureTree tree({dir("none", {file("memory.max", "max\n"), file("memory.high", "max\n"),
                                       file("memory.low", "0\n"), file("memory.oom.group", "0\n"),
                                       file("memory.swap.max", "max\n")}),
                          dir("some", {file("memory.max", "4096\n"), file("memory.low", "1\n"),
                                       file("memory.swap.max", "0\n")})});
  EXPECT_EQ(read(tree, "none", "memory", Version::kV2), Limits{});
  EXPECT_EQ(read(tree, "some", "memory", Version::kV2),
            (Limits{{"memory", "4096"}, {"swap", "0"}, {"memory_low", "1"}}));
  EXPECT_EQ(read(tree, "some", "pids", Version::kV2), Limits{});
}

TEST(LimitsInForce, OfCpu) {
  const FixtureTree tree(
      {dir("v2", {file("cpu.max", "150000 100000\n"), file("cpu.weight", "7\n"),
                  file("cpu.idle", "0\n"), file("cpu.max.burst", "5\n")}),
       dir("v1", {file("cpu.cfs_quota_us", "25000\n"), file("cpu.cfs_period_us", "50000\n"),
                  file("cpu.shares", "1024\n"), file("cpu.idle", "1\n")}),
       dir("none", {file("cpu.max", "max 100000\n"), file("cpu.cfs_quota_us", "-1\n"),
                    file("cpu.cfs_period_us", "100000\n"), file("cpu.weight", "100\n")})});
  EXPECT_EQ(read(tree, "v2", "cpu", Version::kV2),
            (Limits{{"cpu", "1.5"}, {"cpu_burst", "5"}, {"cpu_weight", "7"}}));
  EXPECT_EQ(read(tree, "v1", "cpu", Version::kV1), (Limits{{"cpu", "0.5"}, {"cpu_idle", "1"}}));
  EXPECT_EQ(read(tree, "none", "cpu", Version::kV2), Limits{});
  EXPECT_EQ(read(tree, "none", "cpu", Version::kV1), Limits{});
}

TEST(LimitsInForce, OfMemoryOnV1) {
  const FixtureTree tree(
      {dir("both", {file("memory.limit_in_bytes", "4096\n"),
                    file("memory.memsw.limit_in_bytes", "12288\n")}),
       dir("none", {file("memory.limit_in_bytes", "9223372036854771712\n"),
                    file("memory.memsw.limit_in_bytes", "9223372036854771712\n")})});
  EXPECT_EQ(read(tree, "both", "memory", Version::kV1),
            (Limits{{"memory", "4096"}, {"swap", "8192"}}));
  EXPECT_EQ(read(tree, "none", "memory", Version::kV1), Limits{});
}

TEST(LimitsInForce, OfDevicesALineEach) {
  const FixtureTree tree(
      {dir("v2",
           {file("io.max", "254:0 rbps=1 wbps=max riops=max wiops=2\n8:0 rbps=max wbps=max\n"),
            file("io.weight", "default 100\n254:0 200\n")}),
       dir("v1", {file("blkio.throttle.read_bps_device", "254:0 1\n8:0 9\n"),
                  file("blkio.throttle.write_iops_device", "254:0 2\n"),
                  file("blkio.bfq.weight", "300\n"),
                  file("blkio.bfq.weight_device", "default 300\n254:0 50\n")}),
       dir("bfq", {file("io.bfq.weight", "default 500\n")})});
  EXPECT_EQ(read(tree, "v2", "io", Version::kV2),
            (Limits{{"io", "254:0 rbps=1 wiops=2"}, {"io_weight", "254:0 200"}}));
  EXPECT_EQ(read(tree, "v1", "io", Version::kV1), (Limits{{"io", "254:0 rbps=1 wiops=2"},
                                                          {"io", "8:0 rbps=9"},
                                                          {"io_weight", "300"},
                                                          {"io_weight", "254:0 50"}}));
  EXPECT_EQ(read(tree, "bfq", "io", Version::kV2), (Limits{{"io_weight", "500"}}));
}

TEST(LimitsInForce, OfACpusetOnV1WhatTheParentHasNot) {
  const FixtureTree tree({file("cpuset.cpus", "0-3\n"), file("cpuset.mems", "0\n"),
                          dir("own", {file("cpuset.cpus", "0-1\n"), file("cpuset.mems", "0\n")}),
                          dir("v2", {file("cpuset.cpus", "\n"), file("cpuset.mems", "0\n")})});
  EXPECT_EQ(read(tree, "own", "cpuset", Version::kV1), (Limits{{"cpus", "0-1"}}));
  EXPECT_EQ(read(tree, "v2", "cpuset", Version::kV2), (Limits{{"mems", "0"}}));
}

TEST(LimitsInForce, OfHugePagesBySize) {
  const FixtureTree tree(
      {dir("v2", {file("hugetlb.2MB.max", "64\n"), file("hugetlb.1GB.max", "max\n"),
                  file("hugetlb.2MB.rsvd.max", "5\n"), file("hugetlb.2MB.current", "1\n")}),
       dir("v1", {file("hugetlb.2MB.limit_in_bytes", "64\n")})});
  EXPECT_EQ(read(tree, "v2", "hugetlb", Version::kV2), (Limits{{"hugetlb", "2MB 64"}}));
  EXPECT_EQ(read(tree, "v1", "hugetlb", Version::kV1), (Limits{{"hugetlb", "2MB 64"}}));
}

}  // namespace
}  // namespace contained::cgroup
