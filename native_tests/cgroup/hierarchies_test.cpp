// Machines as their mountinfo and /proc/self/cgroup show them, and what is found there of v1.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "cgroup/layout.hpp"
#include "cgroup/select.hpp"
#include "support/fixture_tree.hpp"

namespace contained::cgroup {
namespace {

using test::dir;
using test::FixtureTree;

// "controllers own-directory" of each hierarchy.
std::vector<std::string> shown(const char* mountinfo, const char* cgroup) {
  std::vector<std::string> lines;
  for (const auto& one : choose_v1(parse_mountinfo(mountinfo), cgroup)) {
    std::string line;
    for (const auto& controller : one.controllers) line += controller + " ";
    lines.push_back(line + (one.own.empty() ? "?" + one.mountpoint : one.own));
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST(ChooseV1, OfAHybridMachineWhosePathsDiffer) {
  EXPECT_EQ(shown("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                  "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                  "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
                  "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
                  "9:name=systemd:/\n8:pids:/\n4:memory:/process_api/a:b c\n1:cpu:/\n0::/\n"),
            (Lines{"name=systemd /sys/fs/cgroup/systemd",
                   "memory /sys/fs/cgroup/memory/process_api/a:b c", "cpu /sys/fs/cgroup/cpu"}));
}

TEST(ChooseV1, OfPureV1WithControllersMountedTogether) {
  EXPECT_EQ(shown("33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                  "34 30 0:30 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n",
                  "5:freezer:/\n4:cpu,cpuacct:/user.slice\n"),
            (Lines{"freezer /sys/fs/cgroup/freezer",
                   "cpu cpuacct /sys/fs/cgroup/cpu,cpuacct/user.slice"}));
}

TEST(ChooseV1, OfPureV2IsNothing) {
  EXPECT_EQ(shown("26 22 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
                  "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n"),
            Lines{});
}

TEST(ChooseV1, OfDockerIsSeenThroughItsBindMountsUnlessReadOnly) {
  constexpr char kPaths[] = "4:memory:/docker/77ab\n3:pids:/docker/77ab\n0::/\n";
  EXPECT_EQ(shown("700 690 0:32 /docker/77ab /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                  "701 690 0:33 /docker/77ab /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n",
                  kPaths),
            Lines{"memory /sys/fs/cgroup/memory"});
}

TEST(ChooseV1, APathOutsideOfTheMountIsLeftToBeAskedFor) {
  EXPECT_EQ(
      shown("700 690 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n", "4:memory:/../outer\n"),
      Lines{"memory ?/cg/memory"});
  EXPECT_EQ(shown("700 690 0:32 /a /cg/one rw - cgroup cgroup rw,memory\n"
                  "701 690 0:32 /b /cg/two rw - cgroup cgroup rw,memory\n",
                  "4:memory:/b/x\n"),
            Lines{"memory /cg/two/x"});
}

TEST(ParsePath, OfAV1Hierarchy) {
  constexpr char kText[] = "5:cpu,cpuacct:/a:b\n4:name=systemd:/init.scope\n0::/\n";
  EXPECT_EQ(parse_path(kText, "cpu").value(), "/a:b");
  EXPECT_EQ(parse_path(kText, "cpuacct").value(), "/a:b");
  EXPECT_EQ(parse_path(kText, "name=systemd").value(), "/init.scope");
  EXPECT_EQ(parse_path(kText, "systemd").error().code, ENOENT);
  EXPECT_EQ(parse_path("5:cpuset:/x\n", "cpu").error().code, ENOENT);
}

TEST(HasV1Controllers, NotByANameAlone) {
  EXPECT_FALSE(has_v1_controllers({}));
  EXPECT_FALSE(has_v1_controllers({{{"name=systemd"}, "/cg/systemd", "/cg/systemd"}}));
  EXPECT_TRUE(has_v1_controllers({{{"pids"}, "/cg/pids", "/cg/pids"}}));
}

TEST(UsableV1, IsOurOwnGroupOrTheWantedBaseWhereThatIs) {
  const FixtureTree tree(
      {dir("pids", {dir("own"), dir("mine")}), dir("cpu", {dir("own")}), dir("systemd")});
  const std::vector<Hierarchy> found = {
      {{"pids"}, tree.path("pids"), tree.path("pids/own")},
      {{"cpu"}, tree.path("cpu"), tree.path("cpu/own")},
      {{"name=systemd"}, tree.path("systemd"), tree.path("systemd")},
      {{"memory"}, tree.path("memory"), tree.path("memory/gone")}};
  const auto own = usable_v1(found, {});
  ASSERT_EQ(own.size(), 2U) << "neither a name nor what is not there";
  EXPECT_EQ(own[0].base, tree.path("pids/own"));
  EXPECT_EQ(own[1].base, tree.path("cpu/own"));
  const auto wanted = usable_v1(found, "mine");
  ASSERT_EQ(wanted.size(), 2U);
  EXPECT_EQ(wanted[0].base, tree.path("pids/mine"));
  EXPECT_EQ(wanted[1].base, tree.path("cpu/own"));
  EXPECT_EQ(usable_v1(found, "../cpu")[0].base, tree.path("pids/own")) << "nothing leads out";
}

TEST(UsableV1, OnlyAsRootOrOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: becomes another user for a moment";
  const FixtureTree tree({dir("pids", {dir("own")})});
  const std::vector<Hierarchy> found = {{{"pids"}, tree.path("pids"), tree.path("pids/own")}};
  ::chmod(tree.path("pids/own").c_str(), 0777);
  ASSERT_EQ(::seteuid(65534), 0);
  const auto usable = usable_v1(found, {});
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_TRUE(usable.empty());
}

}  // namespace
}  // namespace contained::cgroup
