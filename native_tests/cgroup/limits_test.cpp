#include "cgroup/limits.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "base/error.hpp"

namespace contained::cgroup {
namespace {

struct Case {
  const char* key;
  const char* value;
  const char* v2;  // "file=value", more after ";", or an errno name
  const char* v1;
};

constexpr Case kCases[] = {
    {"memory", "64M", "memory.max=67108864", "memory.limit_in_bytes=67108864"},
    {"memory", "max", "memory.max=max", "memory.limit_in_bytes=-1"},
    {"memory", "1T", "memory.max=1099511627776", "memory.limit_in_bytes=1099511627776"},
    {"memory", "0", "memory.max=0", "memory.limit_in_bytes=0"},
    {"memory", "1.5G", "einval", "einval"},
    {"memory", "-1", "einval", "einval"},
    {"memory", "", "einval", "einval"},
    {"memory", "M", "einval", "einval"},
    {"memory", "64m", "einval", "einval"},
    {"memory", " 64M", "einval", "einval"},
    {"memory", "64M\n", "einval", "einval"},
    {"memory", "18446744073709551615", "memory.max=18446744073709551615",
     "memory.limit_in_bytes=18446744073709551615"},
    {"memory", "18446744073709551615K", "einval", "einval"},
    {"swap", "1G", "memory.swap.max=1073741824", "memory.memsw.limit_in_bytes=1073741824"},
    {"swap", "max", "memory.swap.max=max", "memory.memsw.limit_in_bytes=-1"},
    {"memory_high", "1K", "memory.high=1024", "enotsup"},
    {"memory_low", "1K", "memory.low=1024", "enotsup"},
    {"memory_min", "1K", "memory.min=1024", "enotsup"},
    {"memory_high", "lots", "einval", "einval"},
    {"oom_group", "1", "memory.oom.group=1", "enotsup"},
    {"oom_group", "2", "einval", "einval"},
    {"cpu", "0.5", "cpu.max=50000 100000", "cpu.cfs_period_us=100000;cpu.cfs_quota_us=50000"},
    {"cpu", "2", "cpu.max=200000 100000", "cpu.cfs_period_us=100000;cpu.cfs_quota_us=200000"},
    {"cpu", "0.01", "cpu.max=1000 100000", "cpu.cfs_period_us=100000;cpu.cfs_quota_us=1000"},
    {"cpu", "0.001", "cpu.max=1000 1000000", "cpu.cfs_period_us=1000000;cpu.cfs_quota_us=1000"},
    {"cpu", "0.333333", "cpu.max=333333 1000000",
     "cpu.cfs_period_us=1000000;cpu.cfs_quota_us=333333"},
    {"cpu", "max", "cpu.max=max 100000", "cpu.cfs_period_us=100000;cpu.cfs_quota_us=-1"},
    {"cpu", "0", "einval", "einval"},
    {"cpu", "0.0009", "einval", "einval"},
    {"cpu", "0.1234567", "einval", "einval"},
    {"cpu", "-1", "einval", "einval"},
    {"cpu", "1e3", "einval", "einval"},
    {"cpu", ".5", "einval", "einval"},
    {"cpu_weight", "100", "cpu.weight=100", "cpu.shares=1024"},
    {"cpu_weight", "1", "cpu.weight=1", "cpu.shares=10"},
    {"cpu_weight", "10000", "cpu.weight=10000", "cpu.shares=102400"},
    {"cpu_weight", "0", "einval", "einval"},
    {"cpu_weight", "10001", "einval", "einval"},
    {"cpu_idle", "1", "cpu.idle=1", "cpu.idle=1"},
    {"cpu_burst", "5000", "cpu.max.burst=5000", "cpu.cfs_burst_us=5000"},
    {"cpu_burst", "max", "einval", "einval"},
    {"cpus", "0-1,3", "cpuset.cpus=0-1,3", "cpuset.cpus=0-1,3"},
    {"cpus", "", "einval", "einval"},
    {"cpus", "1-0", "einval", "einval"},
    {"cpus", "a", "einval", "einval"},
    {"cpus", "0\n1", "einval", "einval"},
    {"cpus", "0-99999999", "einval", "einval"},
    {"mems", "0", "cpuset.mems=0", "cpuset.mems=0"},
    {"pids", "100", "pids.max=100", "pids.max=100"},
    {"pids", "max", "pids.max=max", "pids.max=max"},
    {"pids", "-1", "einval", "einval"},
    {"io", "8:0 rbps=1M wbps=max riops=100", "io.max=8:0 rbps=1048576 wbps=max riops=100",
     "blkio.throttle.read_bps_device=8:0 1048576;blkio.throttle.write_bps_device=8:0 0;"
     "blkio.throttle.read_iops_device=8:0 100"},
    {"io", "8:0 wiops=7", "io.max=8:0 wiops=7", "blkio.throttle.write_iops_device=8:0 7"},
    {"io", "8:0", "einval", "einval"},
    {"io", "8:0 rbps", "einval", "einval"},
    {"io", "8:0 speed=1", "einval", "einval"},
    {"io", "8:0 riops=1M", "einval", "einval"},
    {"io", "sda rbps=1", "einval", "einval"},
    {"io", "/etc/passwd rbps=1", "einval", "einval"},
    {"io", "/dev/../etc/passwd rbps=1", "einval", "einval"},
    {"io", "/dev/null rbps=1", "enodev", "enodev"},
    {"io", "/dev/no-such-disk rbps=1", "enodev", "enodev"},
    {"io_weight", "200", "io.weight=200", "blkio.bfq.weight=200"},
    {"io_weight", "8:0 200", "io.weight=8:0 200", "blkio.bfq.weight_device=8:0 200"},
    {"io_weight", "0", "einval", "einval"},
    {"io_weight", "10001", "einval", "einval"},
    {"io_weight", "8:0 200 1", "einval", "einval"},
    {"hugetlb", "2MB 64M", "hugetlb.2MB.max=67108864", "hugetlb.2MB.limit_in_bytes=67108864"},
    {"hugetlb", "1GB max", "hugetlb.1GB.max=max", "hugetlb.1GB.limit_in_bytes=-1"},
    {"hugetlb", "2MB", "einval", "einval"},
    {"hugetlb", "2M 64M", "einval", "einval"},
    {"hugetlb", "../MB 64M", "einval", "einval"},
    {"max_descendants", "5", "cgroup.max.descendants=5", "enotsup"},
    {"max_depth", "max", "cgroup.max.depth=max", "enotsup"},
    {"", "1", "einval", "einval"},
    {"memory.max", "1", "einval", "einval"}};

std::string shown(const Result<std::vector<Setting>>& settings) {
  if (!settings) return errno_name(settings.error().code);
  std::string text;
  for (const auto& setting : *settings) {
    text += (text.empty() ? "" : ";") + setting.file + "=" + setting.value;
  }
  return text;
}

TEST(SettingsOf, IsThisTable) {
  for (const auto& [key, value, v2, v1] : kCases) {
    EXPECT_EQ(shown(settings_of({key, value}, Version::kV2)), v2) << key << " " << value;
    EXPECT_EQ(shown(settings_of({key, value}, Version::kV1)), v1) << key << " " << value;
  }
}

TEST(SettingsOf, EveryWordIsInTheTable) {
  std::set<std::string_view> tested;
  for (const auto& one : kCases) tested.insert(one.key);
  for (const auto& word : vocabulary()) EXPECT_EQ(tested.count(word.key), 1U) << word.key;
  EXPECT_EQ(vocabulary().size(), 18U);
}

TEST(SettingsOf, NamesTheControllerAsTheVersionDoes) {
  EXPECT_EQ(settings_of({"io", "8:0 riops=1"}, Version::kV2)->front().controller, "io");
  EXPECT_EQ(settings_of({"io", "8:0 riops=1"}, Version::kV1)->front().controller, "blkio");
  EXPECT_EQ(settings_of({"cpus", "0"}, Version::kV1)->front().controller, "cpuset");
  EXPECT_EQ(settings_of({"max_depth", "1"}, Version::kV2)->front().controller, "cgroup");
}

TEST(SettingsOf, TheErrorNamesTheKey) {
  EXPECT_EQ(settings_of({"memory", "x"}, Version::kV2).error().message(), "limit: einval (memory)");
  EXPECT_EQ(settings_of({"memory_low", "1"}, Version::kV1).error().message(),
            "limit: enotsup (memory_low)");
}

TEST(Cores, AreWrittenAsTheyWereGiven) {
  for (const char* cores : {"0.5", "2", "0.01", "0.001", "0.333333", "1.25", "max", "64"}) {
    EXPECT_EQ(format_cores(parse_cores(cores).value()), cores);
  }
}

TEST(Shares, AreTheSchedulersWeights) {
  EXPECT_EQ(shares_of_weight(100), 1024U);
  EXPECT_EQ(weight_of_shares(1024), 100U);
  EXPECT_EQ(weight_of_shares(512), 50U);
  EXPECT_EQ(weight_of_shares(2), std::nullopt);
  EXPECT_EQ(weight_of_shares(262'144), std::nullopt) << "25600 is beyond v2's 10000";
  for (std::uint64_t weight = 1; weight <= 10'000; ++weight) {
    ASSERT_EQ(weight_of_shares(*shares_of_weight(weight)), weight);
  }
}

}  // namespace
}  // namespace contained::cgroup
