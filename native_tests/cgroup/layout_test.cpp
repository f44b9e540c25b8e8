#include "cgroup/layout.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace contained::cgroup {
namespace {

// A Debian machine that boots with v1 controllers and v2 for tracking.
constexpr char kHybrid[] =
    "23 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:7 master:2 - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
constexpr char kHybridPaths[] =
    "9:name=systemd:/\n"
    "4:memory:/process_api/531b1ea5\n"
    "0::/jobs/one\n";

constexpr char kPureV1[] =
    "30 23 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec - tmpfs tmpfs ro,mode=755\n"
    "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n";

constexpr char kPureV2[] =
    "26 22 0:23 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 "
    "rw,nsdelegate,memory_recursiveprot\n";

// Docker without --privileged: own cgroup namespace, read-only mount of a read-write file system.
constexpr char kDocker[] =
    "641 640 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n";

Mount mounted(std::string root, std::string mountpoint) {
  return {std::move(root), std::move(mountpoint), "cgroup2", "rw", false};
}

int code_of(const Result<Layout>& layout) { return layout ? 0 : layout.error().code; }

TEST(ParseMountinfo, TakesControlGroupMountsOnly) {
  const auto mounts = parse_mountinfo(kHybrid);
  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_EQ(mounts[0].mountpoint, "/sys/fs/cgroup/cpu");
  EXPECT_EQ(mounts[0].fstype, "cgroup");
  EXPECT_EQ(mounts[1].options, "rw,memory");
  EXPECT_EQ(mounts[2].mountpoint, "/sys/fs/cgroup/unified");
  EXPECT_EQ(mounts[2].fstype, "cgroup2");
  EXPECT_EQ(mounts[2].root, "/");
  EXPECT_FALSE(mounts[2].read_only);
}

TEST(ParseMountinfo, ResolvesOctalEscapes) {
  const auto mounts = parse_mountinfo(
      "1 0 0:1 /a\\134b /mnt/my\\040groups\\011\\012 rw - cgroup2 none rw\n"
      "2 0 0:2 / /odd\\04 rw - cgroup2 none rw\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].root, "/a\\b");
  EXPECT_EQ(mounts[0].mountpoint, "/mnt/my groups\t\n");
  EXPECT_EQ(mounts[1].mountpoint, "/odd\\04");
}

TEST(ParseMountinfo, LastMountOnAMountpointWins) {
  const auto mounts = parse_mountinfo(
      "1 0 0:1 /old /cg rw - cgroup2 none rw\n"
      "2 0 0:1 /new /cg rw - cgroup2 none rw\n");
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0].root, "/new");
  EXPECT_TRUE(parse_mountinfo("1 0 0:1 / /cg rw - cgroup2 none rw\n"
                              "2 0 0:9 / /cg rw - tmpfs tmpfs rw\n")
                  .empty());
}

TEST(ParseMountinfo, KnowsReadOnlyMountsAndFileSystems) {
  EXPECT_TRUE(parse_mountinfo(kDocker).at(0).read_only);
  EXPECT_TRUE(parse_mountinfo("1 0 0:1 / /cg rw - cgroup2 none ro\n").at(0).read_only);
  EXPECT_FALSE(parse_mountinfo("1 0 0:1 / /cg rw - cgroup2 none rw,root\n").at(0).read_only);
}

TEST(ParseMountinfo, AllowsAnEmptySourceAndManyTags) {
  const auto mounts = parse_mountinfo("1 0 0:1 / /cg rw a:1 b:2 unbindable - cgroup2  rw\n");
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0].options, "rw");
}

TEST(ParseMountinfo, SkipsWhatIsNoMountinfo) {
  for (const char* text : {"", "\n\n", "cgroup2", "1 2 3 4 5 6", "1 0 0:1 / /cg rw cgroup2 none rw",
                           "1 0 0:1 / cg rw - cgroup2 none rw", "- - - - - - - - -"}) {
    EXPECT_TRUE(parse_mountinfo(text).empty()) << text;
  }
}

TEST(ParseV2Path, FindsItsLineAmongV1) {
  EXPECT_EQ(parse_path(kHybridPaths, {}).value(), "/jobs/one");
  EXPECT_EQ(parse_path("0::/", {}).value(), "/");
}

TEST(ParseV2Path, KeepsColonsSpacesAndParents) {
  EXPECT_EQ(parse_path("0::/a:b::c d\n", {}).value(), "/a:b::c d");
  EXPECT_EQ(parse_path("10:cpu:/x\n0::/../../y\n", {}).value(), "/../../y");
}

TEST(ParseV2Path, IsAbsentOnPureV1) {
  for (const char* text : {"", "1:name=systemd:/\n2:cpu:/0::/\n", "10::/x\n"}) {
    const auto path = parse_path(text, {});
    ASSERT_FALSE(path) << text;
    EXPECT_EQ(path.error().code, ENOENT);
  }
}

TEST(Resolve, JoinsMountpointAndPath) {
  EXPECT_EQ(resolve(mounted("/", "/cg"), "/").value(), "/cg");
  EXPECT_EQ(resolve(mounted("/", "/cg"), "/a/b").value(), "/cg/a/b");
  EXPECT_EQ(resolve(mounted("/", "/"), "/a").value(), "/a");
}

TEST(Resolve, StripsTheMountsRoot) {
  const auto bind = mounted("/docker/77", "/cg");
  EXPECT_EQ(resolve(bind, "/docker/77").value(), "/cg");
  EXPECT_EQ(resolve(bind, "/docker/77/x").value(), "/cg/x");
  EXPECT_EQ(resolve(mounted("/..", "/cg"), "/../sibling").value(), "/cg/sibling");
}

TEST(Resolve, RefusesWhatIsNotMounted) {
  const auto bind = mounted("/docker/77", "/cg");
  for (const char* path : {"/", "/docker", "/docker/777", "/docker/78", "", "docker/77"}) {
    const auto resolved = resolve(bind, path);
    ASSERT_FALSE(resolved) << path;
    EXPECT_EQ(resolved.error().code, ENOENT);
  }
  for (const char* path : {"/..", "/../x", "/a/../../x", "/a/.."}) {
    EXPECT_FALSE(resolve(mounted("/", "/cg"), path)) << path;
  }
  EXPECT_FALSE(resolve(mounted("/..", "/cg"), "/../../x"));
}

TEST(ShownPath, IsTheInverseOfResolve) {
  const std::vector<Mount> mounts = {
      mounted("/", "/cg"), mounted("/deep", "/cg/bind"), {"/", "/cg/v1", "cgroup", "rw", false}};
  EXPECT_EQ(shown_path(mounts, "/cg").value(), "/");
  EXPECT_EQ(shown_path(mounts, "/cg/a:b").value(), "/a:b");
  EXPECT_EQ(shown_path(mounts, "/cg/bind/x").value(), "/deep/x");
  EXPECT_EQ(shown_path(mounts, "/cg/binding").value(), "/binding");
  EXPECT_EQ(shown_path(mounts, "/elsewhere").error().code, ENOENT);
  EXPECT_EQ(shown_path({mounted("/..", "/cg")}, "/cg/x").value(), "/../x");
}

TEST(LiesWithin, EndsAtASlash) {
  EXPECT_TRUE(lies_within("/a/b", "/a/b"));
  EXPECT_TRUE(lies_within("/a/b/c", "/a/b"));
  EXPECT_TRUE(lies_within("/a", "/"));
  EXPECT_FALSE(lies_within("/a/bc", "/a/b"));
  EXPECT_FALSE(lies_within("/a", "/a/b"));
  EXPECT_FALSE(lies_within("/../a/b", "/a/b"));
}

TEST(LiesWithin, KnowsRemovedGroups) {
  EXPECT_TRUE(lies_within("/a/b (deleted)", "/a/b"));
  EXPECT_TRUE(lies_within("/a/b/c (deleted)", "/a/b"));
  EXPECT_FALSE(lies_within("/a/b2 (deleted)", "/a/b"));
}

TEST(ChooseLayout, OfAHybridMachine) {
  const auto path = parse_path(kHybridPaths, {}).value();
  const auto layout = choose_layout(parse_mountinfo(kHybrid), path);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->mountpoint, "/sys/fs/cgroup/unified");
  EXPECT_EQ(layout->own, "/sys/fs/cgroup/unified/jobs/one");
}

TEST(ChooseLayout, OfPureV2) {
  const auto layout = choose_layout(parse_mountinfo(kPureV2), "/system.slice/app.service");
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->own, "/sys/fs/cgroup/system.slice/app.service");
}

TEST(ChooseLayout, SaysWhyThereIsNone) {
  EXPECT_EQ(code_of(choose_layout(parse_mountinfo(kPureV1), "/")), ENODEV);
  EXPECT_EQ(code_of(choose_layout({}, "/")), ENODEV);
  EXPECT_EQ(code_of(choose_layout(parse_mountinfo(kDocker), "/")), EROFS);
  EXPECT_EQ(code_of(choose_layout(parse_mountinfo(kPureV2), "/../x")), ENOENT);
}

TEST(ChooseLayout, PrefersTheMountThatShowsUsAndIsWritable) {
  auto read_only = mounted("/", "/ro");
  read_only.read_only = true;
  const auto layout =
      choose_layout({read_only, mounted("/other", "/elsewhere"), mounted("/", "/cg")}, "/mine");
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->own, "/cg/mine");
  EXPECT_EQ(code_of(choose_layout({read_only, mounted("/other", "/elsewhere")}, "/mine")), ENOENT);
}

}  // namespace
}  // namespace contained::cgroup
