// Grounds and cells against the kernel, without limits; see limits_v1_test and limits_v2_test.
#include "cgroup/ground.hpp"

#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <string>

#include "kernel/ground_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;
using Names = std::vector<std::string>;

class RealGroundTest : public test::RealGround {};

Request named(std::string group, std::string name) {
  Request request;
  request.group = std::move(group);
  request.name = std::move(name);
  return request;
}

TEST_F(RealGroundTest, MakesACellAndTakesItBack) {
  auto& ground = make_ground();
  EXPECT_TRUE(ground.path().starts_with(base()));
  auto cell = make_cell(ground);
  EXPECT_EQ(cell.path(), ground.path() + "/default/1");
  EXPECT_GE(cell.clone_fd(), 0);
  EXPECT_TRUE(cell.procs_fds().empty());
  const pid_t pid = run(cell, idle);
  EXPECT_TRUE(cell.populated().value());
  EXPECT_EQ(cell.processes(), std::vector<pid_t>{pid});
  EXPECT_TRUE(cell.contains(pid));
  EXPECT_TRUE(ground.contains(pid));
  EXPECT_FALSE(ground.give_back(cell).value());
  EXPECT_TRUE(ends(ground, cell));
  EXPECT_FALSE(cell.valid());
}

TEST_F(RealGroundTest, AnUnalteredCellServesAgain) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  const auto path = cell.path();
  wait(run(cell, [] {}));
  EXPECT_TRUE(ground.give_back(cell).value());
  cell = make_cell(ground);
  EXPECT_EQ(cell.path(), path);
  Request fresh;
  fresh.fresh = true;
  EXPECT_NE(make_cell(ground, fresh).path(), path);
}

TEST_F(RealGroundTest, AKilledCellDoesNotServeAgain) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  const auto path = cell.path();
  EXPECT_TRUE(ends(ground, cell));
  EXPECT_NE(make_cell(ground).path(), path);
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(RealGroundTest, NamesAreChecked) {
  auto& ground = make_ground();
  const std::string long_name(65, 'a');
  for (const std::string& name : {std::string(".."), std::string("."), std::string("../../x"),
                                  std::string("/abs"), std::string("cgroup.procs"),
                                  std::string("tasks"), std::string("a\nb"),
                                  std::string("a\0b", 3), long_name, std::string("memory.max"),
                                  std::string("\xc3\xa9")}) {
    EXPECT_TRUE(refusal(ground, named("default", name)).starts_with("cgroup: einval")) << name;
    EXPECT_TRUE(refusal(ground, named(name, "x")).starts_with("cgroup: einval")) << name;
  }
  EXPECT_EQ(refusal(ground, named("", "x")), "cgroup: einval");
  EXPECT_EQ(refusal(ground, named("a/b/c/d/e", "x")), "cgroup: einval (a/b/c/d/e)");
  EXPECT_EQ(refusal(ground, named("a//b", "x")), "cgroup: einval (a//b)");
}

TEST_F(RealGroundTest, GroupsMayBeFourDeep) {
  auto& ground = make_ground();
  auto cell = make_cell(ground, named("a/b/c/d", "x"));
  EXPECT_EQ(cell.path(), ground.path() + "/a/b/c/d/x");
  EXPECT_EQ(cell.group(), "a/b/c/d");
  EXPECT_TRUE(ground.give_back(cell).value());
}

TEST_F(RealGroundTest, ANameIsBusyWhileItIsInUse) {
  auto& ground = make_ground();
  auto cell = make_cell(ground, named("jobs", "one"));
  EXPECT_EQ(refusal(ground, named("jobs", "one")), "cgroup: ebusy (one)");
  EXPECT_TRUE(ground.give_back(cell).value());
  cell = make_cell(ground, named("jobs", "one"));
  EXPECT_TRUE(cell.valid());
}

TEST_F(RealGroundTest, AParentIsNoCommandsGroupAndTheOtherWayRound) {
  auto& ground = make_ground();
  const auto deep = make_cell(ground, named("jobs/one", "x"));
  EXPECT_EQ(refusal(ground, named("jobs", "one")), "cgroup: ebusy (one)");
  const auto cell = make_cell(ground, named("jobs", "two"));
  EXPECT_EQ(refusal(ground, named("jobs/two", "x")), "cgroup: ebusy (two)");
}

TEST_F(RealGroundTest, AKeptGroupStaysAndMayBeUsedAgain) {
  auto& ground = make_ground();
  auto request = named("jobs", "kept");
  request.keep = true;
  auto cell = make_cell(ground, request);
  const auto path = cell.path();
  EXPECT_TRUE(ground.give_back(cell).value());
  EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  cell = make_cell(ground, named("jobs", "kept"));
  EXPECT_EQ(cell.path(), path);
  EXPECT_TRUE(ground.give_back(cell).value());
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(RealGroundTest, AForeignGroupWithProcessesOrFrozenIsBusy) {
  auto& ground = make_ground();
  auto request = named("jobs", "kept");
  request.keep = true;
  auto cell = make_cell(ground, request);
  const auto dir = std::move(open_at(AT_FDCWD, cell.path(), O_RDONLY | O_DIRECTORY)).value();
  EXPECT_TRUE(ground.give_back(cell).value());
  const pid_t pid = run_in(dir.get(), idle);
  EXPECT_EQ(refusal(ground, named("jobs", "kept")), "cgroup: ebusy (kept)");
  ::kill(pid, SIGKILL);
  wait(pid);
  ASSERT_TRUE(write_file_at(dir.get(), "cgroup.freeze", "1"));
  EXPECT_EQ(refusal(ground, named("jobs", "kept")), "cgroup: ebusy (kept)");
  ASSERT_TRUE(write_file_at(dir.get(), "cgroup.freeze", "0"));
  EXPECT_TRUE(make_cell(ground, named("jobs", "kept")).valid());
}

TEST_F(RealGroundTest, NumbersStepAsideForNames) {
  auto& ground = make_ground();
  const auto cell = make_cell(ground, named("default", "1"));
  EXPECT_EQ(make_cell(ground).name(), "2");
}

TEST_F(RealGroundTest, TheKernelsLimitOfGroupsIsReported) {
  auto& ground = make_ground();
  auto first = make_cell(ground);
  const auto dir = std::move(open_at(AT_FDCWD, ground.path(), O_RDONLY | O_DIRECTORY)).value();
  ASSERT_TRUE(write_file_at(dir.get(), "cgroup.max.descendants", "2"));
  EXPECT_EQ(refusal(ground, {}), "cgroup: eagain (2)");
  EXPECT_TRUE(ground.give_back(first).value());
}

TEST_F(RealGroundTest, FreezesAndThaws) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  const pid_t pid = run(cell, idle);
  EXPECT_FALSE(cell.frozen().value());
  ASSERT_TRUE(cell.freeze());
  EXPECT_TRUE(eventually([&] { return cell.frozen().value(); }));
  ASSERT_TRUE(cell.thaw());
  EXPECT_TRUE(eventually([&] { return !cell.frozen().value(); }));
  ASSERT_TRUE(cell.freeze());
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(wait(pid))) << "frozen, it dies of a signal all the same";
}

TEST_F(RealGroundTest, TakesAForeignProcessIn) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  const auto outside = make("outside");
  const pid_t pid = run_in(outside.fd(), idle);
  EXPECT_FALSE(cell.contains(pid));
  ASSERT_TRUE(cell.migrate(pid));
  EXPECT_TRUE(cell.contains(pid));
  EXPECT_EQ(cell.migrate(0x7ffffff0).error().code, ESRCH);
  EXPECT_EQ(cell.migrate(0).error().code, EINVAL);
}

TEST_F(RealGroundTest, FilesAreReadAndWrittenByName) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  EXPECT_EQ(cell.get("cgroup.max.depth").value(), "max\n");
  ASSERT_TRUE(cell.set("cgroup.max.depth", "3"));
  EXPECT_EQ(cell.get("cgroup.max.depth").value(), "3\n");
  EXPECT_EQ(cell.limits().value(), (std::vector<Limit>{{"max_depth", "3"}}));
  EXPECT_EQ(cell.set("cgroup.max.depth", "x").error().code, EINVAL);
  EXPECT_EQ(cell.get("memory.no_such_file").error().code, ENOTSUP);
  for (const char* file : {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control",
                           "cgroup.type", "tasks", "freezer.state", "release_agent"}) {
    EXPECT_EQ(cell.set(file, "0").error().code, EPERM) << file;
  }
  for (const char* file : {"", "../cgroup.procs", "cgroup/procs", "x", "a.b", "cgroup.procs/"}) {
    EXPECT_EQ(cell.get(file).error().code, EINVAL) << file;
    EXPECT_EQ(cell.set(file, "0").error().code, EINVAL) << file;
  }
}

TEST_F(RealGroundTest, AGroupGivenToAUserIsHis) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: gives a group to another user";
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  ASSERT_TRUE(cell.chown(65534, 65534));
  for (const auto* file : {"", "/cgroup.procs", "/cgroup.subtree_control"}) {
    struct stat info = {};
    ASSERT_EQ(::stat((cell.path() + file).c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 65534U) << file;
  }
  struct stat info = {};
  ASSERT_EQ(::stat((cell.path() + "/cgroup.freeze").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0U);
  const auto path = cell.path();
  EXPECT_TRUE(ground.give_back(cell).value());
  EXPECT_NE(::access(path.c_str(), F_OK), 0) << "it must not serve another command";
}

TEST_F(RealGroundTest, CountsCpuTimeOfThisCommandAlone) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  wait(run(cell, [] {
    while (::clock() < CLOCKS_PER_SEC / 20) {
    }
  }));
  const auto cpu = cell.usage().value().cpu.value();
  EXPECT_GT(cpu.user_us + cpu.system_us, 20'000U);
  EXPECT_TRUE(ground.give_back(cell).value());
  cell = make_cell(ground);
  const auto stats = cell.stats().value();
  EXPECT_LT(find(stats, "cpu_usage_us").value(), 20'000U);
  EXPECT_EQ(find(stats, "populated"), 0U);
  EXPECT_FALSE(cell.usage().value().memory_peak);
}

TEST_F(RealGroundTest, AThousandComeAndGo) {
  auto& ground = make_ground();
  std::vector<Cell> cells;
  for (int i = 0; i < 1000; ++i) cells.push_back(make_cell(ground));
  for (auto& cell : cells) ASSERT_TRUE(ground.give_back(cell).value());
  ground.clear_spares();
  const auto dir = std::move(open_at(AT_FDCWD, ground.path(), O_RDONLY | O_DIRECTORY)).value();
  const auto stat = std::move(read_file_at(dir.get(), "cgroup.stat")).value();
  EXPECT_TRUE(stat.starts_with("nr_descendants 1\n")) << stat;
}

TEST_F(RealGroundTest, ASymbolicLinkInTheBaseLeadsNowhere) {
  // kernfs of a control group hierarchy has no symlink(2): a planted one cannot exist there.
  EXPECT_EQ(::symlinkat("/", base_fd(), "planted"), -1);
  EXPECT_EQ(errno, EPERM);
  Wanted wanted;
  wanted.base = "/proc/self/cwd";
  const auto ground = Ground::create(wanted, owner_of(::getpid()));
  EXPECT_TRUE(!ground || ground->kind() != Kind::kCgroup2);
}

TEST_F(RealGroundTest, BestEffortRefusesLimitsOrCountsThemAsIgnored) {
  auto& ground = make_ground("best_effort");
  EXPECT_EQ(ground.kind(), Kind::kBestEffort);
  EXPECT_EQ(ground.limits(), Names{});
  auto cell = make_cell(ground);
  EXPECT_FALSE(cell.valid());
  EXPECT_EQ(cell.clone_fd(), -1);
  EXPECT_FALSE(cell.populated().value());
  auto request = limited({{"memory", "64M"}});
  EXPECT_EQ(refusal(ground, request), "limit: enotsup (memory)");
  request.ignore_unsupported = true;
  EXPECT_EQ(make_cell(ground, request).not_applied(), Names{"memory"});
  EXPECT_TRUE(ground.give_back(cell).value());
  EXPECT_TRUE(ground.destroy().value());
}

TEST_F(RealGroundTest, WhatNobodyKnowsIsRefused) {
  EXPECT_EQ(Ground::create({{}, "cgroup3", false}, owner_of(::getpid())).error().message(),
            "option: einval (cgroup3)");
  auto& ground = make_ground();
  EXPECT_EQ(refusal(ground, limited({{"memroy", "64M"}})), "limit: einval (memroy)");
  EXPECT_EQ(refusal(ground, limited({{"memory", "64 M"}})), "limit: einval (memory)");
}

}  // namespace
}  // namespace contained::cgroup
