// Crowds against the kernel. Each test runs with v1 beside v2, with v1 alone and with v2 alone;
// what this machine lacks skips it by name.
#include "cgroup/crowd.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>

#include <string>

#include "cgroup/alarm.hpp"
#include "kernel/ground_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;
using Names = std::vector<std::string>;

class CrowdTest : public test::RealGround, public testing::WithParamInterface<const char*> {
 protected:
  bool needs_v2() const override { return GetParam() != std::string("cgroup1"); }

  Ground* ground_for(const Names& keys) {
    const bool has_controllers = GetParam() == std::string("cgroup2");
    const auto where = has_controllers ? machine_base() : needs_v2() ? base() : std::string();
    auto made = Ground::create({where, GetParam(), false}, owner_of(::getpid()));
    if (!made) return nullptr;
    auto& ground = adopt(std::move(*made));
    return missing(ground, keys).empty() ? &ground : nullptr;
  }

  static Crowd made(Ground& ground, const std::string& name) {
    auto crowd = std::move(ground.crowd(name)).value();
    EXPECT_TRUE(crowd.make());
    return crowd;
  }

  static Cell cell_in(Ground& ground, const std::string& group) {
    Request request;
    request.group = group;
    return make_cell(ground, request);
  }

  static std::string groups_of(pid_t pid) {
    return read_file_at(AT_FDCWD, fmt::format("/proc/{}/cgroup", pid)).value();
  }

  static bool is_removed(Crowd& crowd) {
    return eventually([&] {
      const auto gone = crowd.remove();
      reap();
      return gone && *gone;
    });
  }
};

#define GROUND_OR_SKIP(...)                                                                 \
  auto* const found = ground_for({__VA_ARGS__});                                            \
  if (found == nullptr) GTEST_SKIP() << "needs " << GetParam() << " with " << #__VA_ARGS__; \
  auto& ground = *found

TEST_P(CrowdTest, IsMadeAndRemoved) {
  GROUND_OR_SKIP();
  auto crowd = std::move(ground.crowd("box/one")).value();
  EXPECT_FALSE(crowd.exists());
  EXPECT_EQ(crowd.stats().error().code, ENOENT);
  EXPECT_EQ(crowd.freeze().error().code, ENOENT);
  EXPECT_EQ(crowd.migrate(::getpid()).error().code, ENOENT);
  ASSERT_TRUE(crowd.make());
  EXPECT_TRUE(crowd.exists());
  EXPECT_EQ(crowd.path(), ground.path() + "/box/one");
  EXPECT_EQ(::access(crowd.path().c_str(), F_OK), 0);
  EXPECT_FALSE(crowd.populated().value());
  EXPECT_TRUE(crowd.remove().value());
  EXPECT_NE(::access(crowd.path().c_str(), F_OK), 0);
  EXPECT_TRUE(crowd.remove().value());
}

TEST_P(CrowdTest, NamesAreChecked) {
  GROUND_OR_SKIP();
  for (const auto* name : {"", "..", "a/../b", "cgroup.procs", "a/b/c/d/e"}) {
    EXPECT_EQ(ground.crowd(name).error().code, EINVAL) << name;
  }
}

TEST_P(CrowdTest, IsNotTheGroupOfACommand) {
  GROUND_OR_SKIP();
  Request request;
  request.group = "box";
  request.name = "one";
  const auto cell = make_cell(ground, request);
  EXPECT_EQ(ground.crowd("box/one").value().make().error().code, EBUSY);
}

TEST_P(CrowdTest, AFailedCommandDoesNotTakeItAway) {
  GROUND_OR_SKIP();
  auto crowd = made(ground, "box");
  Request request = limited({{"memory", "nonsense"}});
  request.group = "box";
  EXPECT_EQ(ground.make(request).error().code, EINVAL);
  EXPECT_EQ(::access(crowd.path().c_str(), F_OK), 0);
}

TEST_P(CrowdTest, HoldsTheProcessesOfItsCells) {
  GROUND_OR_SKIP();
  auto crowd = made(ground, "box");
  auto one = cell_in(ground, "box");
  auto two = cell_in(ground, "box/inner");
  auto other = cell_in(ground, "other");
  std::vector<pid_t> pids = {run(one, idle), run(two, idle)};
  run(other, idle);
  std::sort(pids.begin(), pids.end());
  EXPECT_EQ(crowd.processes(), pids);
  EXPECT_TRUE(crowd.populated().value());
  EXPECT_EQ(find(crowd.stats().value(), "populated"), 1U);
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE(crowd.kill());
    reap();
    return !crowd.populated().value();
  }));
  EXPECT_TRUE(other.populated().value());
  EXPECT_TRUE(ends(ground, other));
  EXPECT_TRUE(ground.give_back(one).value());
  EXPECT_TRUE(ground.give_back(two).value());
  EXPECT_TRUE(is_removed(crowd));
}

TEST_P(CrowdTest, IsNotRemovedUnderACellInUse) {
  GROUND_OR_SKIP();
  auto crowd = made(ground, "box");
  auto cell = cell_in(ground, "box/inner");
  EXPECT_FALSE(crowd.remove().value());
  EXPECT_EQ(::access(cell.path().c_str(), F_OK), 0);
  EXPECT_TRUE(ground.give_back(cell).value());
  EXPECT_TRUE(crowd.remove().value());
  EXPECT_NE(::access(crowd.path().c_str(), F_OK), 0);
  EXPECT_TRUE(cell_in(ground, "box/inner").valid());
}

// Since Linux 6.14 what is cloned into a group that was killed dies at birth.
TEST_P(CrowdTest, NoCellOfAKilledOneServesAgain) {
  GROUND_OR_SKIP();
  auto crowd = made(ground, "box");
  auto spare = cell_in(ground, "box");
  auto used = cell_in(ground, "box");
  const Names before = {spare.path(), used.path()};
  EXPECT_TRUE(ground.give_back(spare).value());
  EXPECT_TRUE(crowd.kill());
  EXPECT_TRUE(ground.give_back(used).value());
  for (int i = 0; i < 2; ++i) {
    const auto path = cell_in(ground, "box").path();
    EXPECT_EQ(std::count(before.begin(), before.end(), path), 0) << path;
  }
}

TEST_P(CrowdTest, WhatOthersHaveMadeInItGoesToo) {
  GROUND_OR_SKIP();
  auto crowd = made(ground, "box");
  for (const auto* name : {"/a", "/a/b", "/c"})
    ASSERT_EQ(::mkdir((crowd.path() + name).c_str(), 0755), 0);
  EXPECT_TRUE(is_removed(crowd));
  EXPECT_NE(::access(crowd.path().c_str(), F_OK), 0);
}

TEST_P(CrowdTest, IsMadeAgainWhenAnOutsiderHasRemovedIt) {
  GROUND_OR_SKIP();
  auto crowd = made(ground, "box");
  ASSERT_EQ(::rmdir(crowd.path().c_str()), 0);
  EXPECT_FALSE(crowd.populated().value());
  EXPECT_TRUE(crowd.make());
  EXPECT_EQ(::access(crowd.path().c_str(), F_OK), 0);
}

TEST_P(CrowdTest, FreezesAll) {
  GROUND_OR_SKIP();
  auto crowd = made(ground, "box");
  auto cell = cell_in(ground, "box");
  run(cell, idle);
  ASSERT_TRUE(crowd.freeze());
  EXPECT_TRUE(eventually([&] { return crowd.frozen().value(); }));
  ASSERT_TRUE(crowd.thaw());
  EXPECT_TRUE(eventually([&] { return !crowd.frozen().value(); }));
  EXPECT_TRUE(ends(ground, cell));
}

TEST_P(CrowdTest, AFrozenOneDies) {
  GROUND_OR_SKIP();
  auto crowd = made(ground, "box");
  auto cell = cell_in(ground, "box");
  run(cell, idle);
  ASSERT_TRUE(crowd.freeze());
  EXPECT_TRUE(eventually([&] { return crowd.frozen().value(); }));
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE(crowd.kill());
    reap();
    return !crowd.populated().value();
  }));
  EXPECT_TRUE(ground.give_back(cell).value());
}

TEST_P(CrowdTest, AForeignProcessGoesIntoALeaf) {
  GROUND_OR_SKIP("pids");
  auto crowd = made(ground, "box");
  ASSERT_TRUE(crowd.set_limits({{"pids", "10"}}));
  const pid_t pid = ::fork();
  if (pid == 0) idle();
  ASSERT_TRUE(crowd.migrate(pid));
  EXPECT_EQ(crowd.processes(), std::vector<pid_t>{pid});
  EXPECT_EQ(find(crowd.stats().value(), "pids_current"), 1U);
  // A command beside it still finds its place.
  auto cell = cell_in(ground, "box");
  run(cell, idle);
  EXPECT_EQ(find(crowd.stats().value(), "pids_current"), 2U);
  EXPECT_EQ(crowd.migrate(0).error().code, EINVAL);
  EXPECT_EQ(crowd.migrate(0x7ffffff0).error().code, ESRCH);
  EXPECT_TRUE(ends(ground, cell));
  EXPECT_TRUE(is_removed(crowd));
}

TEST_P(CrowdTest, LimitsHoldThoseThatRunAlready) {
  GROUND_OR_SKIP("pids");
  auto crowd = made(ground, "box/inner");
  auto cell = cell_in(ground, "box/inner");
  const pid_t pid = run(cell, idle);
  ASSERT_TRUE(crowd.set_limits({{"pids", "2"}}));
  EXPECT_EQ(crowd.limits().value(), (std::vector<Limit>{{"pids", "2"}}));
  EXPECT_EQ(find(crowd.stats().value(), "pids_current"), 1U);
  // On v1 it was moved into the group itself, on v2 the limit counts for those below.
  const auto place = crowd.path().substr(crowd.path().rfind("/contained-"));
  const auto* const below = GetParam() == std::string("cgroup2") ? "/1\n" : "\n";
  EXPECT_NE(groups_of(pid).find(place + below), std::string::npos) << groups_of(pid);
  auto second = cell_in(ground, "box/inner");
  EXPECT_EQ(WEXITSTATUS(wait(run(second, [] { ::_exit(::fork() < 0 ? 7 : 0); }))), 7);
  EXPECT_TRUE(ends(ground, second));
  // What it counted is not lost with it.
  EXPECT_EQ(crowd.events().pids_max, 1U);
  EXPECT_EQ(find(crowd.stats().value(), "pids_max_events"), 1U);
  EXPECT_TRUE(ends(ground, cell));
}

TEST_P(CrowdTest, ALimitThatIsRefusedDoesNotSpoilTheNextCommand) {
  GROUND_OR_SKIP("pids");
  auto crowd = made(ground, "box");
  EXPECT_EQ(crowd.set_limits({{"pids", "5"}, {"nonsense", "1"}}).error().message(),
            "limit: einval (nonsense)");
  EXPECT_EQ(crowd.limits().value(), (std::vector<Limit>{{"pids", "5"}}));
  EXPECT_EQ(crowd.set_limits({{"hugetlb", "3MB 1M"}}).error().stage, Stage::kLimit);
  auto cell = cell_in(ground, "box");
  EXPECT_TRUE(cell.valid());
}

void use_memory() {
  void* const pages = ::mmap(nullptr, 128U << 20, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ::_exit(pages == MAP_FAILED ? 1 : 0);
}

TEST_P(CrowdTest, TwoShareTheBudgetOfTheGroupAbove) {
  GROUND_OR_SKIP("memory", "swap");
  auto above = made(ground, "budget");
  ASSERT_TRUE(above.set_limits({{"memory", "32M"}, {"swap", "0"}}));
  auto greedy = made(ground, "budget/greedy");
  auto modest = made(ground, "budget/modest");
  auto in_modest = cell_in(ground, "budget/modest");
  run(in_modest, idle);
  auto in_greedy = cell_in(ground, "budget/greedy");
  const int status = wait(run(in_greedy, use_memory));
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(greedy.events().oom_kills, 1U);
  EXPECT_TRUE(ends(ground, in_greedy));
  EXPECT_EQ(greedy.events().oom_kills, 1U);
  EXPECT_EQ(above.events().oom_kills, 1U);
  EXPECT_EQ(modest.events().oom_kills, 0U);
  EXPECT_TRUE(modest.populated().value());
  EXPECT_TRUE(ends(ground, in_modest));
}

bool rings(const UniqueFd& alarm) {
  pollfd wanted = {alarm.get(), POLLIN, 0};
  return ::poll(&wanted, 1, 0) == 1;
}

// It does not matter whose limit it is, as long as it is not that of a group below.
TEST_P(CrowdTest, OnV1AnAlarmTellsOfWantOfMemory) {
  GROUND_OR_SKIP("memory", "swap");
  auto above = made(ground, "budget");
  ASSERT_TRUE(above.set_limits({{"memory", "32M"}, {"swap", "0"}}));
  auto box = made(ground, "budget/box");
  ASSERT_TRUE(box.set_limits({{"memory", "1G"}}));
  const auto groups = box.memory_groups(true);
  if (GetParam() == std::string("cgroup2")) {
    EXPECT_TRUE(groups.empty());
    return;
  }
  ASSERT_EQ(groups.size(), 1U);
  const auto alarm = memory_alarm(groups[0].directory.get());
  if (!alarm) GTEST_SKIP() << "needs cgroup.event_control: " << alarm.error().message();
  EXPECT_FALSE(rings(*alarm));
  auto cell = cell_in(ground, "budget/box");
  EXPECT_TRUE(WIFSIGNALED(wait(run(cell, use_memory))));
  EXPECT_TRUE(eventually([&] { return rings(*alarm); }));
  EXPECT_TRUE(ends(ground, cell));
  const auto again = memory_alarm(groups[0].directory.get());
  EXPECT_FALSE(rings(*again));
  EXPECT_TRUE(is_removed(box));
  EXPECT_TRUE(eventually([&] { return rings(*again); }));
}

TEST_P(CrowdTest, FilesAreReadAndWritten) {
  GROUND_OR_SKIP("pids");
  auto crowd = made(ground, "box");
  EXPECT_EQ(crowd.get("pids.max").error().code, ENOTSUP);
  ASSERT_TRUE(crowd.set_limits({{"pids", "9"}}));
  EXPECT_EQ(crowd.get("pids.max").value(), "9\n");
  ASSERT_TRUE(crowd.set("pids.max", "8"));
  EXPECT_EQ(crowd.get("pids.max").value(), "8\n");
  EXPECT_EQ(crowd.set("cgroup.procs", "1").error().code, EPERM);
  EXPECT_EQ(crowd.get("../x").error().code, EINVAL);
}

TEST_P(CrowdTest, ManyNamesLeaveNoDescriptor) {
  GROUND_OR_SKIP("pids");
  const auto open_files = [] { return ::dup(0); };
  made(ground, "box/first");
  const int before = open_files();
  ::close(before);
  for (int i = 0; i < 40; ++i) {
    auto crowd = made(ground, fmt::format("box/n{}", i));
    auto cell = cell_in(ground, crowd.name());
    ASSERT_TRUE(ground.give_back(cell).value());
    ASSERT_TRUE(crowd.remove().value());
  }
  const int after = open_files();
  ::close(after);
  EXPECT_EQ(after, before);
}

INSTANTIATE_TEST_SUITE_P(Kinds, CrowdTest, testing::Values("hybrid", "cgroup1", "cgroup2"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace contained::cgroup
