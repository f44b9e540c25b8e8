#include "cgroup/raw.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/error.hpp"

namespace contained::cgroup {
namespace {

struct Case {
  const char* controller;
  const char* file;
  const char* value;
  const char* v2;
  const char* v1;
};

constexpr Case kCases[] = {
    {"memory", "memory.limit_in_bytes", "1000", "memory.max=1000", "memory.limit_in_bytes=1000"},
    {"memory", "memory.limit_in_bytes", "-1", "memory.max=max", "memory.limit_in_bytes=-1"},
    {"memory", "memory.max", "max", "memory.max=max", "memory.limit_in_bytes=-1"},
    {"memory", "memory.high", "1", "memory.high=1", "enotsup"},
    {"memory", "memory.soft_limit_in_bytes", "1", "enotsup", "memory.soft_limit_in_bytes=1"},
    {"memory", "memory.memsw.limit_in_bytes", "1", "enotsup", "memory.memsw.limit_in_bytes=1"},
    {"memory", "memory.swap.max", "1", "memory.swap.max=1", "memory.memsw.limit_in_bytes=1"},
    {"memory", "memory.oom_control", "1", "enotsup", "memory.oom_control=1"},
    {"memory", "memory.swappiness", "1", "enotsup", "memory.swappiness=1"},
    {"cpu", "cpu.shares", "512", "cpu.weight=50", "cpu.shares=512"},
    {"cpu", "cpu.shares", "262144", "enotsup", "cpu.shares=262144"},
    {"cpu", "cpu.shares", "many", "einval", "cpu.shares=many"},
    {"cpu", "cpu.weight", "50", "cpu.weight=50", "cpu.shares=512"},
    {"cpu", "cpu.cfs_quota_us", "5000", "cpu.max=5000", "cpu.cfs_quota_us=5000"},
    {"cpu", "cpu.cfs_quota_us", "-1", "cpu.max=max", "cpu.cfs_quota_us=-1"},
    {"cpu", "cpu.cfs_period_us", "9000", "cpu.max=max 9000", "cpu.cfs_period_us=9000"},
    {"cpu", "cpu.max", "5000 9000", "cpu.max=5000 9000",
     "cpu.cfs_period_us=9000;cpu.cfs_quota_us=5000"},
    {"cpu", "cpu.max", "max", "cpu.max=max", "cpu.cfs_quota_us=-1"},
    {"cpu", "cpu.max", "5000 max 3", "cpu.max=5000 max 3", "einval"},
    {"cpu", "cpu.cfs_burst_us", "7", "cpu.max.burst=7", "cpu.cfs_burst_us=7"},
    {"cpu", "cpu.max.burst", "7", "cpu.max.burst=7", "cpu.cfs_burst_us=7"},
    {"cpu", "cpu.idle", "1", "cpu.idle=1", "cpu.idle=1"},
    {"cpu", "cpu.rt_runtime_us", "1", "enotsup", "cpu.rt_runtime_us=1"},
    {"cpuset", "cpuset.cpus", "0", "cpuset.cpus=0", "cpuset.cpus=0"},
    {"cpuset", "cpuset.cpus.partition", "root", "cpuset.cpus.partition=root", "enotsup"},
    {"cpuset", "cpuset.mem_exclusive", "1", "enotsup", "cpuset.mem_exclusive=1"},
    {"pids", "pids.max", "max", "pids.max=max", "pids.max=max"},
    {"blkio", "blkio.throttle.read_bps_device", "8:0 5", "io.max=8:0 rbps=5",
     "blkio.throttle.read_bps_device=8:0 5"},
    {"blkio", "blkio.throttle.write_iops_device", "8:0 0", "io.max=8:0 wiops=max",
     "blkio.throttle.write_iops_device=8:0 0"},
    {"io", "io.max", "8:0 rbps=5", "io.max=8:0 rbps=5", "blkio.throttle.read_bps_device=8:0 5"},
    {"io", "io.bfq.weight", "5", "io.bfq.weight=5", "blkio.bfq.weight=5"},
    {"io", "io.latency", "8:0 target=5", "io.latency=8:0 target=5", "enotsup"},
    {"hugetlb", "hugetlb.2MB.max", "max", "hugetlb.2MB.max=max", "hugetlb.2MB.limit_in_bytes=-1"},
    {"hugetlb", "hugetlb.2MB.limit_in_bytes", "5", "hugetlb.2MB.max=5",
     "hugetlb.2MB.limit_in_bytes=5"},
    {"freezer", "freezer.state", "FROZEN", "enotsup", "enotsup"},
    {"cgroup", "cgroup.max.depth", "1", "cgroup.max.depth=1", "enotsup"},
    {"cgroup", "cgroup.procs", "1", "einval", "einval"},
    {"cgroup", "cgroup.kill", "1", "einval", "einval"},
    {"cgroup", "cgroup.freeze", "1", "einval", "einval"},
    {"cgroup", "cgroup.subtree_control", "-memory", "einval", "einval"},
    {"cgroup", "tasks", "1", "einval", "einval"},
    {"memory", "cpu.max", "1", "einval", "einval"},
    {"memory", "memory.max", "", "einval", "einval"},
    {"memory", "../memory.max", "1", "einval", "einval"},
    {"memory", "memory.max/x", "1", "einval", "einval"},
    {"cpu", "", "1", "einval", "einval"}};

std::string shown(const Result<std::vector<Setting>>& settings) {
  if (!settings) return errno_name(settings.error().code);
  std::string text;
  for (const auto& setting : *settings) {
    text += (text.empty() ? "" : ";") + setting.file + "=" + setting.value;
  }
  return text;
}

TEST(Translated, IsThisTable) {
  for (const auto& [controller, file, value, v2, v1] : kCases) {
    const Setting setting{controller, file, value};
    EXPECT_EQ(shown(translated(setting, Version::kV2)), v2) << file << " " << value;
    EXPECT_EQ(shown(translated(setting, Version::kV1)), v1) << file << " " << value;
  }
}

TEST(Translated, TheErrorNamesTheFile) {
  EXPECT_EQ(translated({"memory", "memory.high", "1"}, Version::kV1).error().message(),
            "limit: enotsup (memory.high)");
}

TEST(Paired, QuotaAndPeriodAreOneInEitherOrder) {
  const Setting quota{"cpu", "cpu.cfs_quota_us", "5000"};
  const Setting period{"cpu", "cpu.cfs_period_us", "9000"};
  const Setting pids{"pids", "pids.max", "5"};
  const Setting both{"cpu", "cpu.max", "5000 9000"};
  EXPECT_EQ(paired({quota, pids, period}), (std::vector<Setting>{both, pids}));
  EXPECT_EQ(paired({pids, period, quota}), (std::vector<Setting>{pids, both}));
  EXPECT_EQ(paired({quota, pids}), (std::vector<Setting>{quota, pids}));
  EXPECT_EQ(paired({{"cpu", "cpu.cfs_quota_us", "-1"}, period}),
            (std::vector<Setting>{{"cpu", "cpu.max", "max 9000"}}));
}

}  // namespace
}  // namespace contained::cgroup
