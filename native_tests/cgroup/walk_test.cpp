#include "cgroup/walk.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "base/file.hpp"
#include "support/fixture_tree.hpp"

namespace contained::cgroup {
namespace {

using test::dir;
using test::file;
using test::FixtureTree;
using Pids = std::vector<pid_t>;

UniqueFd open_dir(const std::string& path) {
  return std::move(open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY)).value();
}

Pids pids_of(const FixtureTree& tree) { return processes_below(open_dir(tree.root()).get()); }

std::size_t entries(const std::string& path) {
  const std::filesystem::directory_iterator all(path);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// A chain of |depth| directories below |path|.
void make_chain(const std::string& path, int depth) {
  auto at = open_dir(path);
  for (int i = 0; i < depth; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    at = std::move(open_at(at.get(), "d", O_RDONLY | O_DIRECTORY)).value();
  }
}

TEST(ProcessesBelow, ListsSubGroupsSortedAndOnce) {
  EXPECT_EQ(pids_of(FixtureTree(
                {file("cgroup.procs", "30\n7\n"),
                 dir("a", {file("cgroup.procs", "12\n"), dir("b", {file("cgroup.procs", "9\n")})}),
                 dir("moving", {file("cgroup.procs", "7\n")})})),
            (Pids{7, 9, 12, 30}));
}

TEST(ProcessesBelow, SkipsForeignNamespacesAndNonsense) {
  EXPECT_EQ(pids_of(FixtureTree({file("cgroup.procs", "0\n5\n\n-4\nx\n6 7\n99999999999999\n8")})),
            (Pids{5, 6, 8}));
}

TEST(ProcessesBelow, AVanishedGroupIsEmpty) {
  EXPECT_EQ(pids_of(FixtureTree()), Pids{});
  EXPECT_EQ(pids_of(FixtureTree({dir("gone"), dir("here", {file("cgroup.procs", "4\n")})})),
            Pids{4});
  EXPECT_EQ(processes_below(-1), Pids{});
}

TEST(ProcessesBelow, FollowsNoSymlinkOutside) {
  const FixtureTree tree(
      {dir("outside", {file("cgroup.procs", "3\n")}), dir("in", {file("cgroup.procs", "4\n")})});
  std::filesystem::create_directory_symlink(tree.path("outside"), tree.path("in/link"));
  EXPECT_EQ(processes_below(open_dir(tree.path("in")).get()), Pids{4});
}

TEST(RemoveBelow, RemovesDeepestFirst) {
  const FixtureTree tree(
      {dir("top", {dir("a", {dir("b"), dir("c", {dir("d")})}), dir("e"), dir("f")})});
  EXPECT_TRUE(remove_below(open_dir(tree.path("top")).get()).value());
  EXPECT_EQ(entries(tree.path("top")), 0U);
}

TEST(RemoveBelow, KeepsWhatIsNotADirectory) {
  const FixtureTree tree({dir("top", {file("cgroup.procs", ""), dir("a")})});
  EXPECT_TRUE(remove_below(open_dir(tree.path("top")).get()).value());
  EXPECT_EQ(entries(tree.path("top")), 1U);
}

TEST(RemoveBelow, StopsAtAGroupInUse) {
  const FixtureTree tree({dir("top", {dir("busy", {file("held", "")})})});
  EXPECT_FALSE(remove_below(open_dir(tree.path("top")).get()).value());
  EXPECT_TRUE(std::filesystem::exists(tree.path("top/busy/held")));
}

TEST(RemoveBelow, GoesAnyDepthWithFewDescriptors) {
  const FixtureTree tree({dir("top")});
  make_chain(tree.path("top"), 1000);
  const auto top = open_dir(tree.path("top"));
  for (int call = 0; call < 1000 / kRemovedAtOnce; ++call) {
    EXPECT_FALSE(remove_below(top.get()).value());
  }
  EXPECT_TRUE(remove_below(top.get()).value());
  EXPECT_EQ(entries(tree.path("top")), 0U);
}

TEST(RemoveBelow, RemovesABoundedNumberAtOnce) {
  const FixtureTree tree({dir("top")});
  const auto top = open_dir(tree.path("top"));
  for (int i = 0; i < kRemovedAtOnce + 10; ++i) {
    ASSERT_EQ(::mkdirat(top.get(), std::to_string(i).c_str(), 0755), 0);
  }
  EXPECT_FALSE(remove_below(top.get()).value());
  EXPECT_EQ(entries(tree.path("top")), 10U);
  EXPECT_TRUE(remove_below(top.get()).value());
}

}  // namespace
}  // namespace contained::cgroup
