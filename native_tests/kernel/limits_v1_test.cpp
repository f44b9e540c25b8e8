// Limits of v1, beside tracking by v2 and alone: each is seen to hold, or in its file.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include <string>

#include "cgroup/layout.hpp"
#include "kernel/ground_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;
using Names = std::vector<std::string>;

class LimitsOnV1 : public test::RealGround, public testing::WithParamInterface<const char*> {
 protected:
  bool needs_v2() const override { return GetParam() == std::string("hybrid"); }

  /// A ground of this kind that limits |keys|; nothing where this machine does not.
  Ground* ground_for(const std::vector<std::string>& keys) {
    auto made = Ground::create(wanted(), owner_of(::getpid()));
    if (!made) return nullptr;
    auto& ground = adopt(std::move(*made));
    return missing(ground, keys).empty() ? &ground : nullptr;
  }

  Wanted wanted() const { return {needs_v2() ? base() : std::string(), GetParam(), false}; }

  /// What there is of the ground in any hierarchy, below its trees.
  static Names left_of(const Ground& ground) {
    Names left;
    const auto tree = ground.path().substr(ground.path().rfind('/') + 1);
    const auto hierarchies = std::move(find_v1()).value();
    for (const auto& hierarchy : hierarchies) {
      const auto parent = hierarchy.own + "/" + tree + "/default";
      if (::access(parent.c_str(), F_OK) == 0) left.push_back(parent);
    }
    const auto parent = ground.path() + "/default";
    if (::access(parent.c_str(), F_OK) == 0) left.push_back(parent);
    return left;
  }

  /// The v1 groups that a child of |cell| writes itself into, but for the one that tracks.
  std::size_t limiting(const Cell& cell) const {
    return cell.procs_fds().size() - (needs_v2() ? 0 : 1);
  }
};

#define GROUND_OR_SKIP(...)                                                                 \
  auto* const found = ground_for({__VA_ARGS__});                                            \
  if (found == nullptr) GTEST_SKIP() << "needs " << GetParam() << " with " << #__VA_ARGS__; \
  auto& ground = *found

// Touches |size| bytes.
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

TEST_P(LimitsOnV1, MemoryKillsAndCounts) {
  GROUND_OR_SKIP("memory");
  auto cell = make_cell(ground, limited({{"memory", "1M"}, {"swap", "0"}}));
  EXPECT_EQ(cell.get("memory.limit_in_bytes").value(), "1048576\n");
  EXPECT_EQ(limiting(cell), 1U);
  const int status = wait(run(cell, [] { use_memory(64U << 20); }));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  const auto usage = cell.usage().value();
  EXPECT_EQ(usage.oom_kills, 1U);
  ASSERT_TRUE(usage.memory_peak);
  EXPECT_GT(*usage.memory_peak, 500'000U);
  EXPECT_LE(*usage.memory_peak, 1'048'576U);
  EXPECT_EQ(usage.cpu.has_value(), needs_v2());
  EXPECT_FALSE(usage.pids_peak);
  EXPECT_TRUE(ground.give_back(cell).value());
}

TEST_P(LimitsOnV1, WithinTheLimitNobodyIsKilled) {
  GROUND_OR_SKIP("memory");
  auto cell = make_cell(ground, limited({{"memory", "64M"}}));
  EXPECT_EQ(wait(run(cell, [] { use_memory(8U << 20); })), 0);
  EXPECT_EQ(cell.usage().value().oom_kills, 0U);
}

TEST_P(LimitsOnV1, SwapIsASumAndKeepsItsShare) {
  GROUND_OR_SKIP("swap");
  auto cell = make_cell(ground, limited({{"swap", "2M"}, {"memory", "4M"}}));
  EXPECT_EQ(cell.get("memory.memsw.limit_in_bytes").value(), "6291456\n");
  for (const char* memory : {"16M", "1M", "8M"}) {
    ASSERT_TRUE(cell.set_limits({{"memory", memory}})) << memory;
    const auto sum = std::stoull(cell.get("memory.memsw.limit_in_bytes").value()) - (2U << 20);
    EXPECT_EQ(sum, std::stoull(cell.get("memory.limit_in_bytes").value()));
  }
  ASSERT_TRUE(cell.set_limits({{"swap", "max"}}));
  ASSERT_TRUE(cell.set_limits({{"memory", "max"}}));
  EXPECT_EQ(cell.limits().value(), std::vector<Limit>{});
  EXPECT_EQ(cell.set_limits({{"swap", "1M"}}).error().message(), "limit: enotsup (swap)");
}

TEST_P(LimitsOnV1, PidsRefuseTheFork) {
  GROUND_OR_SKIP("pids");
  auto cell = make_cell(ground, limited({{"pids", "5"}}));
  const int status = wait(run(cell, [] { ::_exit(forks_until_refused()); }));
  EXPECT_EQ(WEXITSTATUS(status), 4) << "five with the first";
  EXPECT_EQ(cell.usage().value().pids_peak, 5U);
  EXPECT_GE(find(cell.stats().value(), "pids_max_events").value(), 1U);
  EXPECT_EQ(find(cell.stats().value(), "pids_current"), 4U);
  EXPECT_TRUE(ends(ground, cell));
}

TEST_P(LimitsOnV1, CpuIsWrittenAndRead) {
  GROUND_OR_SKIP("cpu");
  auto cell =
      make_cell(ground, limited({{"cpu_burst", "1000"}, {"cpu", "0.5"}, {"cpu_weight", "50"}}));
  EXPECT_EQ(cell.get("cpu.cfs_quota_us").value(), "50000\n");
  EXPECT_EQ(cell.get("cpu.cfs_period_us").value(), "100000\n");
  EXPECT_EQ(cell.get("cpu.shares").value(), "512\n");
  EXPECT_EQ(cell.limits().value(),
            (std::vector<Limit>{{"cpu", "0.5"}, {"cpu_burst", "1000"}, {"cpu_weight", "50"}}));
  ASSERT_TRUE(cell.set_limits({{"cpu", "max"}, {"cpu_weight", "100"}, {"cpu_burst", "0"}}));
  EXPECT_EQ(cell.limits().value(), std::vector<Limit>{});
}

TEST_P(LimitsOnV1, ThrottledTimeIsCounted) {
  GROUND_OR_SKIP("cpu");
  auto cell = make_cell(ground, limited({{"cpu", "0.1"}}));
  run(cell, [] {
    for (volatile unsigned spin = 0;;) spin = spin + 1;
  });
  EXPECT_TRUE(eventually([&] { return find(cell.stats().value(), "cpu_throttled_us") > 1000U; }));
  EXPECT_TRUE(ends(ground, cell));
}

TEST_P(LimitsOnV1, CpusetIsFilledBeforeAnybodyEnters) {
  GROUND_OR_SKIP("cpus");
  auto cell = make_cell(ground, limited({{"cpus", "0"}}));
  EXPECT_EQ(cell.get("cpuset.cpus").value(), "0\n");
  EXPECT_NE(cell.get("cpuset.mems").value(), "\n");
  const int status = wait(run(cell, [] {
    cpu_set_t set;
    ::sched_getaffinity(0, sizeof set, &set);
    ::_exit(CPU_COUNT(&set));
  }));
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_P(LimitsOnV1, IoIsWrittenForTheWholeDisk) {
  GROUND_OR_SKIP("io");
  struct stat info = {};
  if (::stat("/dev/vda", &info) != 0) GTEST_SKIP() << "needs the disk /dev/vda";
  const auto number = fmt::format("{}:{}", major(info.st_rdev), minor(info.st_rdev));
  auto cell = make_cell(ground, limited({{"io", "/dev/vda rbps=1M riops=100"}}));
  EXPECT_EQ(cell.get("blkio.throttle.read_bps_device").value(), number + " 1048576\n");
  EXPECT_EQ(cell.limits().value(),
            (std::vector<Limit>{{"io", number + " rbps=1048576 riops=100"}}));
  ASSERT_TRUE(cell.set_limits({{"io", "/dev/vda rbps=max riops=max"}}));
  EXPECT_EQ(cell.limits().value(), std::vector<Limit>{});
}

TEST_P(LimitsOnV1, IoWeightIsBfqs) {
  GROUND_OR_SKIP("io_weight");
  auto cell = make_cell(ground, limited({{"io_weight", "200"}}));
  EXPECT_EQ(cell.limits().value(), (std::vector<Limit>{{"io_weight", "200"}}));
  EXPECT_EQ(refusal(ground, limited({{"io_weight", "9999"}})), "limit: erange (io_weight)");
}

TEST_P(LimitsOnV1, AParentsLimitsHoldItsCommandsTogether) {
  GROUND_OR_SKIP("pids");
  auto request = limited({});
  request.group = "crowd/inner";
  request.group_limits = {{"pids", "3"}};
  auto first = make_cell(ground, request);
  run(first, idle);
  run(first, idle);
  request.group_limits = {};  // they stay
  auto second = make_cell(ground, request);
  EXPECT_EQ(limiting(second), 1U);
  EXPECT_EQ(WEXITSTATUS(wait(run(second, [] { ::_exit(forks_until_refused()); }))), 0);
  request.group = "crowd";
  auto beside = make_cell(ground, request);
  EXPECT_EQ(limiting(beside), 0U);
  EXPECT_TRUE(ends(ground, first));
  EXPECT_TRUE(ends(ground, second));
  EXPECT_TRUE(ends(ground, beside));
}

TEST_P(LimitsOnV1, ARunningCommandIsLimited) {
  GROUND_OR_SKIP("pids");
  auto cell = make_cell(ground);
  const pid_t pid = run(cell, idle);
  EXPECT_EQ(limiting(cell), 0U);
  ASSERT_TRUE(cell.set_limits({{"pids", "7"}}));
  EXPECT_EQ(cell.get("pids.current").value(), "1\n");
  EXPECT_EQ(cell.limits().value(), (std::vector<Limit>{{"pids", "7"}}));
  const auto text = read_file_at(AT_FDCWD, fmt::format("/proc/{}/cgroup", pid));
  EXPECT_NE(text->find("/default/1\n"), std::string::npos);
  const auto path = cell.path();
  EXPECT_TRUE(ends(ground, cell));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_P(LimitsOnV1, AValueThatIsClampedIsRefusedAndNothingIsLeft) {
  GROUND_OR_SKIP("cpu");
  auto request = limited({{"pids", "5"}});
  request.settings = {{"cpu", "cpu.shares", "262145"}};
  EXPECT_EQ(refusal(ground, request), "limit: erange (cpu.shares)");
  request.settings = {{"cpu", "cpu.cfs_quota_us", "100"}};
  EXPECT_EQ(refusal(ground, request), "limit: einval (cpu.cfs_quota_us)");
  EXPECT_EQ(refusal(ground, limited({{"memory", "100"}})), "limit: erange (memory)");
  EXPECT_EQ(refusal(ground, limited({{"cpus", "4000"}})).substr(0, 6), "limit:");
  EXPECT_EQ(left_of(ground), Names{});
}

TEST_P(LimitsOnV1, WhatV1CannotDoIsRefusedOrReported) {
  GROUND_OR_SKIP("memory");
  EXPECT_EQ(refusal(ground, limited({{"memory_high", "1M"}})), "limit: enotsup (memory_high)");
  EXPECT_EQ(refusal(ground, limited({{"oom_group", "1"}})), "limit: enotsup (oom_group)");
  auto request = limited({{"memory_high", "1M"}, {"memory", "64M"}});
  request.settings = {{"memory", "memory.low", "1"}, {"freezer", "freezer.state", "FROZEN"}};
  EXPECT_EQ(refusal(ground, request), "limit: enotsup (memory_high)");
  request.ignore_unsupported = true;
  const auto cell = make_cell(ground, request);
  EXPECT_EQ(cell.not_applied(), (Names{"memory_high", "memory.low", "freezer.state"}));
  EXPECT_EQ(cell.limits().value(), (std::vector<Limit>{{"memory", "67108864"}}));
}

TEST_P(LimitsOnV1, RawSettingsOfV2AreTranslated) {
  GROUND_OR_SKIP("memory");
  auto request = limited({});
  request.settings = {{"memory", "memory.max", "67108864"},
                      {"memory", "memory.swap.max", "0"},
                      {"cpu", "cpu.max", "20000 50000"},
                      {"memory", "memory.swappiness", "10"}};
  const auto cell = make_cell(ground, request);
  EXPECT_EQ(cell.get("memory.memsw.limit_in_bytes").value(), "67108864\n");
  EXPECT_EQ(cell.get("memory.swappiness").value(), "10\n");
  EXPECT_EQ(cell.limits().value(),
            (std::vector<Limit>{{"memory", "67108864"}, {"swap", "0"}, {"cpu", "0.4"}}));
}

TEST_P(LimitsOnV1, WhoLeavesTheTrackingGroupIsKilledByItsLimits) {
  if (!needs_v2()) GTEST_SKIP() << "is for hybrid";
  GROUND_OR_SKIP("pids");
  auto cell = make_cell(ground, limited({{"pids", "10"}}));
  const auto outside = make("outside");
  const pid_t pid = run(cell, [&] {
    if (!write_file_at(outside.fd(), "cgroup.procs", "0")) ::_exit(1);
    idle();
  });
  ASSERT_TRUE(eventually([&] { return outside.contains(pid); }));
  EXPECT_TRUE(cell.contains(pid));
  EXPECT_TRUE(cell.populated().value());
  EXPECT_TRUE(ends(ground, cell));
  EXPECT_FALSE(outside.populated().value());
}

TEST_P(LimitsOnV1, LeftoversOfADeadLauncherAreSweptInEveryHierarchy) {
  GROUND_OR_SKIP("pids");
  const pid_t dead = ::fork();
  if (dead == 0) idle();
  const auto owner = owner_of(dead);
  ::kill(dead, SIGKILL);
  wait(dead);
  auto old = std::move(Ground::create(wanted(), owner)).value();
  auto cell = std::move(old.make(limited({{"pids", "10"}, {"cpu", "0.5"}}))).value();
  run(cell, idle);
  auto stale = stale_of(ground, owner);
  ASSERT_EQ(stale.size(), 3U) << "what tracks, pids and cpu";
  EXPECT_TRUE(eventually([&] {
    std::erase_if(stale, [](const Stale& one) { return sweep(one).value(); });
    reap();
    return stale.empty();
  }));
  EXPECT_TRUE(stale_of(ground, owner).empty());
  EXPECT_FALSE(cell.populated().value());
}

TEST_P(LimitsOnV1, DestroyRemovesTheTreesThatAnotherProcessMade) {
  GROUND_OR_SKIP("pids");
  const pid_t worker = ::fork();
  if (worker == 0) {
    auto cell = ground.make(limited({{"pids", "10"}}));
    ::_exit(cell && limiting(*cell) == 1 ? 0 : 1);
  }
  EXPECT_EQ(wait(worker), 0);
  EXPECT_TRUE(eventually([&] { return ground.destroy().value(); }));
  EXPECT_EQ(left_of(ground), Names{});
}

INSTANTIATE_TEST_SUITE_P(Kinds, LimitsOnV1, testing::Values("hybrid", "cgroup1"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace contained::cgroup
