// Which kind of containment is chosen on this machine, and taking a base over.
#include "cgroup/select.hpp"

#include <gtest/gtest.h>

#include <string>

#include "cgroup/controllers.hpp"
#include "cgroup/text.hpp"
#include "kernel/ground_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;

class RealSelect : public test::RealGround {
 protected:
  std::string kind_of(const std::string& containment, const std::string& base) {
    auto ground = Ground::create({base, containment, false}, owner_of(::getpid()));
    if (!ground) return ground.error().message();
    EXPECT_TRUE(eventually([&] { return ground->destroy().value(); }));
    return std::string(name(ground->kind()));
  }
};

TEST_F(RealSelect, TheBestThereIsUnlessToldOtherwise) {
  const bool hybrid = has_v1_controllers(find_v1().value());
  EXPECT_EQ(kind_of("auto", base()), hybrid ? "hybrid" : "cgroup2");
  EXPECT_EQ(kind_of("required", base()), hybrid ? "hybrid" : "cgroup2");
  EXPECT_EQ(kind_of("hybrid", base()), hybrid ? "hybrid" : "cgroup: enodev (cgroup)");
  EXPECT_EQ(kind_of("cgroup2", base()), "cgroup2");
  EXPECT_EQ(kind_of("best_effort", base()), "best_effort");
  EXPECT_EQ(kind_of("docker", base()), "option: einval (docker)");
}

TEST_F(RealSelect, WhyThereIsNoneIsKept) {
  const auto nowhere = base() + "/no-such-group";
  EXPECT_EQ(kind_of("cgroup2", nowhere), "cgroup: enoent (" + nowhere + ")");
  const auto ground = Ground::create({nowhere, "best_effort", false}, {});
  EXPECT_EQ(ground->why().message(), "cgroup: enodev (best_effort)");
}

TEST_F(RealSelect, TakesABaseOver) {
  const auto group = make("service");
  const auto path = base() + "/service";
  const pid_t one = run_in(group.fd(), idle);
  const pid_t two = run_in(group.fd(), idle);
  EXPECT_TRUE(usable_controllers(group.fd()).empty());
  ASSERT_TRUE(take_over(path));
  const auto left = std::move(read_file_at(group.fd(), "cgroup.procs")).value();
  EXPECT_EQ(left, "");
  const auto moved = std::move(read_file_at(group.fd(), "main/cgroup.procs")).value();
  EXPECT_NE(moved.find(std::to_string(one)), std::string::npos);
  EXPECT_NE(moved.find(std::to_string(two)), std::string::npos);
  EXPECT_TRUE(take_over(path)) << "again, with nothing to do";
}

TEST_F(RealSelect, WhereNobodyIsNothingIsMadeForHim) {
  const auto group = make("service");
  ASSERT_TRUE(take_over(base() + "/service"));
  EXPECT_FALSE(exists("service/main"));
}

TEST_F(RealSelect, LeavesAnothersProcesses) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: runs a process of another user";
  const auto group = make("service");
  const pid_t pid = run_in(group.fd(), [] {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
    idle();
  });
  ASSERT_TRUE(eventually([&] {
    struct stat info = {};
    return ::stat(fmt::format("/proc/{}", pid).c_str(), &info) == 0 && info.st_uid == 65534;
  }));
  EXPECT_EQ(take_over(base() + "/service").error().code, EBUSY);
  EXPECT_EQ(group.processes(), std::vector<pid_t>{pid});
}

TEST_F(RealSelect, ControllersAreEnabledOrTheFirstIsTheError) {
  const auto group = make("parent");
  const auto there = listed(group.fd(), "cgroup.controllers");
  EXPECT_TRUE(enable(group.fd(), there));
  EXPECT_EQ(listed(group.fd(), "cgroup.subtree_control").size(), there.size());
  EXPECT_EQ(enable(group.fd(), {"no-such"}).error().message(), "cgroup: einval (no-such)");
  EXPECT_EQ(usable_controllers(group.fd()), there);
}

}  // namespace
}  // namespace contained::cgroup
