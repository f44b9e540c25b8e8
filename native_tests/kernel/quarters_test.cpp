// A command's groups by their addresses: who opens them sees what the cell sees.
#include "cgroup/quarters.hpp"

#include "cgroup/rescue.hpp"
#include "kernel/ground_fixture.hpp"

namespace contained::cgroup {
namespace {

class RealQuarters : public test::RealGround {
 protected:
  static Quarters open(Cell& cell) {
    auto opened = Quarters::open(cell.addresses());
    EXPECT_TRUE(opened) << opened.error().message();
    return opened ? std::move(*opened) : Quarters();
  }

  [[noreturn]] static void idle() {
    for (;;) ::pause();
  }
};

TEST_F(RealQuarters, SeeAndDoWhatTheCellDoes) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  const pid_t pid = run(cell, idle);
  auto quarters = open(cell);
  EXPECT_EQ(quarters.processes(), std::vector<pid_t>{pid});
  EXPECT_TRUE(quarters.populated().value());
  EXPECT_EQ(quarters.limits().value(), cell.limits().value());
  ASSERT_TRUE(quarters.freeze());
  EXPECT_TRUE(eventually([&] { return cell.frozen().value(); }));
  EXPECT_EQ(find(quarters.stats().value(), "frozen"), 1U);
  ASSERT_TRUE(quarters.kill());
  EXPECT_TRUE(WIFSIGNALED(wait(pid)));
  EXPECT_TRUE(eventually([&] { return !cell.populated().value(); }));
  EXPECT_TRUE(ends(ground, cell));
  EXPECT_EQ(quarters.stats().error().code, ENODEV);
}

TEST_F(RealQuarters, KeptFilesTellTheSame) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  auto quarters = open(cell);
  const auto before = quarters.stats().value();
  quarters.keep_open();
  EXPECT_EQ(quarters.stats().value(), before);
  ASSERT_TRUE(quarters.freeze());
  EXPECT_TRUE(eventually([&] { return find(quarters.stats().value(), "frozen") == 1U; }));
  ASSERT_TRUE(quarters.thaw());
  EXPECT_TRUE(ends(ground, cell));
}

TEST_F(RealQuarters, LimitsOnlyByWhatItIsLimitedBy) {
  auto& ground = make_ground();
  const auto lacking = missing(ground, {"pids"});
  if (!lacking.empty()) GTEST_SKIP() << "needs the limits" << lacking;
  auto cell = make_cell(ground);
  auto without = open(cell);
  EXPECT_EQ(without.set_limits({{"pids", "5"}}).error().code, ENOTSUP);
  ASSERT_TRUE(cell.set_limits({{"pids", "5"}}));
  auto with = open(cell);
  EXPECT_TRUE(with.set_limits({{"pids", "6"}}));
  EXPECT_EQ(cell.limits().value(), (std::vector<Limit>{{"pids", "6"}}));
  EXPECT_TRUE(ends(ground, cell));
}

TEST_F(RealQuarters, AreNotASpareAfterwards) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  const auto path = cell.path();
  open(cell);
  EXPECT_TRUE(ground.give_back(cell).value());
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(RealQuarters, OfAnotherDirectoryOfThatNameAreNotThere) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  auto addresses = cell.addresses();
  ++addresses.front().inode;
  EXPECT_EQ(Quarters::open(addresses).error().code, ENOENT);
  addresses.front().path += "/none";
  EXPECT_EQ(Quarters::open(addresses).error().code, ENOENT);
  EXPECT_EQ(Quarters::open({}).error().code, EINVAL);
  EXPECT_TRUE(ends(ground, cell));
}

TEST_F(RealQuarters, AServedGroupTellsWhatItHadCounted) {
  auto& ground = make_ground();
  auto first = make_cell(ground);
  wait(run(first, [] {
    for (volatile int i = 0; i < 30'000'000; ++i) {
    }
  }));
  const auto used = first.usage().value().cpu.value().user_us;
  EXPECT_TRUE(ground.give_back(first).value());
  auto second = make_cell(ground);
  const auto addresses = second.addresses();
  if (!addresses.front().before) GTEST_SKIP() << "needs a group that can serve again";
  EXPECT_EQ(addresses.front().before->user_us, used);
  EXPECT_LT(find(open(second).stats().value(), "cpu_user_us").value(), used);
  EXPECT_TRUE(ends(ground, second));
}

TEST_F(RealQuarters, OfALauncherAreKilledByTheirPath) {
  auto& ground = make_ground();
  auto cell = make_cell(ground);
  const pid_t pid = run(cell, idle);
  const auto path = ground.path();
  EXPECT_TRUE(eventually([&] {
    const auto gone = kill_trees(path);
    reap();
    return gone && *gone;
  }));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  EXPECT_NE(::kill(pid, 0), 0);
  EXPECT_EQ(kill_trees(base()).error().code, EINVAL);
}

}  // namespace
}  // namespace contained::cgroup
