#include <gtest/gtest.h>
#include <sys/wait.h>

#include <set>
#include <string>

#include "base/proc.hpp"
#include "cgroup/spares.hpp"
#include "kernel/cgroup_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;

class RealSpares : public test::RealGroups {
 protected:
  void SetUp() override {
    test::RealGroups::SetUp();
    if (IsSkipped()) return;
    const Owner owner{pid_namespace(), ::getpid(), read_proc_stat(::getpid())->start_time};
    tree_ = std::move(Tree::create(base(), owner)).value();
  }

  Group take() { return std::move(spares_.take("jobs")).value(); }
  bool give_back(Group& group) { return spares_.give_back("jobs", group).value(); }

  Tree tree_;
  Spares spares_{tree_};
};

TEST_F(RealSpares, AnEmptyGroupServesAgain) {
  auto first = take();
  const auto name = first.name();
  EXPECT_TRUE(give_back(first));
  EXPECT_FALSE(first.valid());
  EXPECT_EQ(take().name(), name);
}

TEST_F(RealSpares, WhatIsInUseIsNobodyElses) {
  std::set<std::string> names;
  for (int i = 0; i < 40; ++i) names.insert(take().name());
  EXPECT_EQ(names.size(), 40U);
}

TEST_F(RealSpares, OnlyAFewAreKept) {
  std::vector<Group> groups;
  for (int i = 0; i < 40; ++i) groups.push_back(take());
  for (auto& group : groups) EXPECT_TRUE(give_back(group));
  std::set<std::string> kept;
  for (int i = 0; i < 40; ++i) {
    const auto name = take().name();
    if (std::stoi(name) <= 40) kept.insert(name);
  }
  EXPECT_EQ(kept.size(), 16U);
}

TEST_F(RealSpares, APopulatedGroupStaysWithItsOwner) {
  auto group = take();
  run_in(group.fd(), idle);
  EXPECT_FALSE(give_back(group));
  ASSERT_TRUE(group.valid());
  EXPECT_TRUE(group.kill().ok());
  EXPECT_TRUE(eventually([&] { return give_back(group); }));
}

TEST_F(RealSpares, AFrozenGroupIsNotKept) {
  auto group = take();
  const auto name = group.name();
  ASSERT_TRUE(write_file_at(group.fd(), "cgroup.freeze", "1").ok());
  EXPECT_TRUE(give_back(group));
  EXPECT_NE(take().name(), name);
}

TEST_F(RealSpares, AGroupWithSubGroupsIsRemovedWithThem) {
  auto group = take();
  const auto name = group.name();
  ASSERT_EQ(::mkdirat(group.fd(), "nested", 0755), 0);
  EXPECT_TRUE(give_back(group));
  EXPECT_NE(take().name(), name);
}

TEST_F(RealSpares, CpuTimeIsCountedFromTheRenewal) {
  auto group = take();
  run_in(group.fd(), [] {
    while (::clock() < CLOCKS_PER_SEC / 20) {
    }
  });
  EXPECT_TRUE(eventually([&] { return group.populated().value() == false; }));
  EXPECT_GT(group.cpu_time()->user_us + group.cpu_time()->system_us, 20'000U);
  EXPECT_TRUE(give_back(group));
  auto again = take();
  EXPECT_LT(again.cpu_time()->user_us + again.cpu_time()->system_us, 20'000U);
}

}  // namespace
}  // namespace contained::cgroup
