// Limits of v2. Each test skips by name where the controller is not on v2 (a hybrid machine).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include <string>

#include "cgroup/layout.hpp"
#include "cgroup/text.hpp"
#include "kernel/ground_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;
using Names = std::vector<std::string>;

class LimitsOnV2 : public test::RealGround {
 protected:
  Ground* ground_for(const std::vector<std::string>& keys) {
    auto made = Ground::create({machine_base(), "cgroup2", false}, owner_of(::getpid()));
    if (!made) return nullptr;
    auto& ground = adopt(std::move(*made));
    return missing(ground, keys).empty() ? &ground : nullptr;
  }
};

#define GROUND_OR_SKIP(...)                                                                  \
  auto* const found = ground_for({__VA_ARGS__});                                             \
  if (found == nullptr) GTEST_SKIP() << "needs on cgroup v2, in our base: " << #__VA_ARGS__; \
  auto& ground = *found

void use_memory(std::size_t size) {
  void* const page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ::_exit(page == MAP_FAILED ? 1 : 0);
}

int forks_until_refused() {
  for (int forked = 0; forked < 100; ++forked) {
    const pid_t pid = ::fork();
    if (pid == 0) idle();
    if (pid < 0) return errno == EAGAIN ? forked : -1;
  }
  return 100;
}

TEST_F(LimitsOnV2, MemoryKillsAndCounts) {
  GROUND_OR_SKIP("memory");
  auto cell = make_cell(ground, limited({{"memory", "1M"}}));
  EXPECT_TRUE(cell.procs_fds().empty());
  EXPECT_EQ(cell.get("memory.max").value(), "1048576\n");
  if (!missing(ground, {"swap"}).empty()) GTEST_SKIP() << "needs swap accounting";
  ASSERT_TRUE(cell.set_limits({{"swap", "0"}}));
  const int status = wait(run(cell, [] { use_memory(64U << 20); }));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  const auto usage = cell.usage().value();
  EXPECT_EQ(usage.oom_kills, 1U);
  EXPECT_LE(usage.memory_peak.value_or(0), 1'048'576U);
  EXPECT_TRUE(ground.give_back(cell).value());
}

TEST_F(LimitsOnV2, AnOomOfTheGroupKillsAll) {
  GROUND_OR_SKIP("memory", "oom_group", "swap");
  auto cell = make_cell(ground, limited({{"memory", "2M"}, {"swap", "0"}, {"oom_group", "1"}}));
  const pid_t bystander = run(cell, idle);
  wait(run(cell, [] { use_memory(64U << 20); }));
  EXPECT_TRUE(WIFSIGNALED(wait(bystander)));
  EXPECT_GE(cell.usage().value().oom_kills, 1U);
  EXPECT_TRUE(ground.give_back(cell).value());
}

TEST_F(LimitsOnV2, AParentsMemoryKillIsCountedForItsCommand) {
  GROUND_OR_SKIP("memory", "swap");
  Request request;
  request.group = "crowd";
  request.group_limits = {{"memory", "1M"}, {"swap", "0"}};
  auto cell = make_cell(ground, request);
  wait(run(cell, [] { use_memory(64U << 20); }));
  EXPECT_EQ(cell.usage().value().oom_kills, 1U);
  EXPECT_TRUE(ground.give_back(cell).value());
}

TEST_F(LimitsOnV2, AllOfMemoryIsWrittenAndRead) {
  GROUND_OR_SKIP("memory", "memory_high", "memory_low", "memory_min", "oom_group");
  const std::vector<Limit> limits = {{"memory", "67108864"},
                                     {"memory_high", "33554432"},
                                     {"memory_low", "4096"},
                                     {"memory_min", "4096"},
                                     {"oom_group", "1"}};
  auto cell = make_cell(ground, limited(limits));
  EXPECT_EQ(cell.limits().value(), limits);
  ASSERT_TRUE(cell.set_limits({{"memory", "max"},
                               {"memory_high", "max"},
                               {"memory_low", "0"},
                               {"memory_min", "0"},
                               {"oom_group", "0"}}));
  EXPECT_EQ(cell.limits().value(), std::vector<Limit>{});
}

TEST_F(LimitsOnV2, PidsRefuseTheFork) {
  GROUND_OR_SKIP("pids");
  auto cell = make_cell(ground, limited({{"pids", "5"}}));
  const int status = wait(run(cell, [] { ::_exit(forks_until_refused()); }));
  EXPECT_EQ(WEXITSTATUS(status), 4) << "five with the first";
  EXPECT_GE(find(cell.stats().value(), "pids_max_events").value(), 1U);
  EXPECT_TRUE(ends(ground, cell));
}

TEST_F(LimitsOnV2, CpuIsWrittenReadAndThrottles) {
  GROUND_OR_SKIP("cpu", "cpu_weight");
  auto cell = make_cell(ground, limited({{"cpu", "0.1"}, {"cpu_weight", "50"}}));
  EXPECT_EQ(cell.get("cpu.max").value(), "10000 100000\n");
  EXPECT_EQ(cell.limits().value(), (std::vector<Limit>{{"cpu", "0.1"}, {"cpu_weight", "50"}}));
  run(cell, [] {
    for (volatile unsigned spin = 0;;) spin = spin + 1;
  });
  EXPECT_TRUE(eventually([&] { return find(cell.stats().value(), "cpu_throttled_us") > 1000U; }));
  EXPECT_TRUE(ends(ground, cell));
}

TEST_F(LimitsOnV2, CpusetConfines) {
  GROUND_OR_SKIP("cpus");
  auto cell = make_cell(ground, limited({{"cpus", "0"}}));
  const int status = wait(run(cell, [] {
    cpu_set_t set;
    ::sched_getaffinity(0, sizeof set, &set);
    ::_exit(CPU_COUNT(&set));
  }));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_EQ(cell.limits().value(), (std::vector<Limit>{{"cpus", "0"}}));
  EXPECT_EQ(refusal(ground, limited({{"cpus", "4000"}})).substr(0, 6), "limit:");
}

TEST_F(LimitsOnV2, IoIsWrittenForTheWholeDisk) {
  GROUND_OR_SKIP("io");
  struct stat info = {};
  if (::stat("/dev/vda", &info) != 0) GTEST_SKIP() << "needs the disk /dev/vda";
  const auto number = fmt::format("{}:{}", major(info.st_rdev), minor(info.st_rdev));
  auto cell = make_cell(ground, limited({{"io", "/dev/vda rbps=1M riops=100"}}));
  EXPECT_EQ(cell.limits().value(),
            (std::vector<Limit>{{"io", number + " rbps=1048576 riops=100"}}));
  EXPECT_EQ(refusal(ground, limited({{"io", "250:250 rbps=1M"}})), "limit: enodev (io)");
}

TEST_F(LimitsOnV2, HugePagesAreLimited) {
  GROUND_OR_SKIP("hugetlb");
  if (::access("/sys/kernel/mm/hugepages/hugepages-2048kB", F_OK) != 0) {
    GTEST_SKIP() << "needs huge pages of 2 MB";
  }
  auto cell = make_cell(ground, limited({{"hugetlb", "2MB 64M"}}));
  EXPECT_EQ(cell.limits().value(), (std::vector<Limit>{{"hugetlb", "2MB 67108864"}}));
}

TEST_F(LimitsOnV2, ARunningCommandIsLimited) {
  GROUND_OR_SKIP("pids");
  auto cell = make_cell(ground);
  run(cell, idle);
  ASSERT_TRUE(cell.set_limits({{"pids", "7"}}));
  EXPECT_EQ(cell.limits().value(), (std::vector<Limit>{{"pids", "7"}}));
  const auto path = cell.path();
  EXPECT_TRUE(ends(ground, cell));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(LimitsOnV2, AValueThatIsRefusedLeavesNothing) {
  GROUND_OR_SKIP("memory", "cpu", "pids");
  EXPECT_EQ(refusal(ground, limited({{"pids", "5"}, {"memory", "100"}})), "limit: erange (memory)");
  auto request = limited({{"pids", "5"}});
  request.settings = {{"cpu", "cpu.weight", "10001"}};
  EXPECT_EQ(refusal(ground, request), "limit: erange (cpu.weight)");
  request.settings = {{"cpu", "cpu.max", "100"}};
  EXPECT_EQ(refusal(ground, request), "limit: einval (cpu.max)");
  const auto dir = std::move(open_at(AT_FDCWD, ground.path(), O_RDONLY | O_DIRECTORY)).value();
  const auto stat = std::move(read_file_at(dir.get(), "cgroup.stat")).value();
  EXPECT_TRUE(stat.starts_with("nr_descendants 0\n")) << stat;
}

TEST_F(LimitsOnV2, RawSettingsOfV1AreTranslated) {
  GROUND_OR_SKIP("memory", "cpu");
  Request request;
  request.settings = {{"memory", "memory.limit_in_bytes", "67108864"},
                      {"cpu", "cpu.cfs_quota_us", "20000"},
                      {"cpu", "cpu.cfs_period_us", "50000"},
                      {"cpu", "cpu.shares", "512"}};
  const auto cell = make_cell(ground, request);
  EXPECT_EQ(cell.limits().value(),
            (std::vector<Limit>{{"memory", "67108864"}, {"cpu", "0.4"}, {"cpu_weight", "50"}}));
  request.settings = {{"memory", "memory.soft_limit_in_bytes", "1"}};
  EXPECT_EQ(refusal(ground, request), "limit: enotsup (memory.soft_limit_in_bytes)");
}

// The one limit that needs no controller.
TEST_F(LimitsOnV2, SubGroupsOfThePayloadAreLimited) {
  auto& ground = make_ground("auto");
  const auto cell = make_cell(ground, limited({{"max_descendants", "1"}, {"max_depth", "1"}}));
  ASSERT_EQ(::mkdir((cell.path() + "/one").c_str(), 0755), 0);
  EXPECT_EQ(::mkdir((cell.path() + "/two").c_str(), 0755), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(cell.limits().value(),
            (std::vector<Limit>{{"max_descendants", "1"}, {"max_depth", "1"}}));
}

TEST_F(LimitsOnV2, WhereV1MayNotHelpAMissingControllerIsAnError) {
  Wanted wanted{base(), "cgroup2", false};
  auto ground = std::move(Ground::create(wanted, owner_of(::getpid()))).value();
  if (missing(ground, {"memory"}).empty()) GTEST_SKIP() << "needs a v2 base without memory";
  EXPECT_EQ(refusal(ground, limited({{"memory", "64M"}})), "limit: enotsup (memory)");
  auto request = limited({{"memory", "64M"}});
  request.ignore_unsupported = true;
  EXPECT_EQ(make_cell(ground, request).not_applied(), Names{"memory"});
  EXPECT_TRUE(eventually([&] { return ground.destroy().value(); }));
}

}  // namespace
}  // namespace contained::cgroup
