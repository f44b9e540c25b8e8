#include "cgroup/tree.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <limits>

#include "base/proc.hpp"
#include "support/fixture_tree.hpp"

namespace contained::cgroup {
namespace {

using test::dir;
using test::FixtureTree;

TEST(TreeName, RoundTrips) {
  const Owner biggest{std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<pid_t>::max(),
                      std::numeric_limits<std::uint64_t>::max()};
  EXPECT_EQ(tree_name({4026531836, 77, 123456}), "contained-4026531836-77-123456");
  for (const Owner& owner : {Owner{4026531836, 77, 123456}, Owner{1, 1, 0}, biggest}) {
    EXPECT_EQ(parse_tree_name(tree_name(owner)), owner);
    EXPECT_TRUE(valid_name(tree_name(owner)));
  }
}

TEST(TreeName, RefusesWhatIsNotOurs) {
  for (const char* name : {"",
                           "contained-",
                           "contained-1",
                           "contained-1-2",
                           "contained-1-2-",
                           "contained--2-3",
                           "contained-1-2-3-4",
                           "contained-1-2-3x",
                           "contained-1-2-3 ",
                           "contained-01-2-3",
                           "contained-1-+2-3",
                           "contained-1--2-3",
                           "contained-1-0-3",
                           "contained-1_2_3",
                           "contained-1-4294967299-3",
                           "contained-99999999999999999999-2-3",
                           "contained-test-1",
                           "Contained-1-2-3",
                           "xcontained-1-2-3",
                           "contained-1-2-3\n"}) {
    EXPECT_FALSE(parse_tree_name(name)) << name;
  }
}

TEST(StaleTrees, ListsDeadOwnersOnly) {
  const auto us = pid_namespace();
  const auto start = read_proc_stat(::getpid()).value().start_time;
  const auto reused = tree_name({us, ::getpid(), start + 1});
  const FixtureTree tree({dir(reused), dir(tree_name({us, ::getpid(), start})),
                          dir(tree_name({us + 1, ::getpid(), start + 1})), dir("contained-test-1"),
                          dir("system.slice"), test::file(tree_name({us, 1, 1}), "")});
  EXPECT_EQ(stale_trees(tree.root()), std::vector<std::string>{reused});
}

TEST(StaleTrees, OfNoBaseAreNone) { EXPECT_TRUE(stale_trees("/no/such/base").empty()); }

TEST(Sweep, TouchesNothingThatIsNotATree) {
  const FixtureTree tree({dir("system.slice")});
  EXPECT_EQ(sweep(tree.root(), "system.slice").error().code, EINVAL);
  EXPECT_EQ(sweep(tree.root(), "..").error().code, EINVAL);
  EXPECT_TRUE(std::filesystem::exists(tree.path("system.slice")));
}

TEST(Sweep, AGoneTreeIsSuccess) {
  const FixtureTree tree;
  EXPECT_TRUE(sweep(tree.root(), "contained-1-2-3").value());
  EXPECT_EQ(sweep("/no/such/base", "contained-1-2-3").error().code, ENOENT);
}

TEST(Tree, ErrorsNameTheirBase) {
  EXPECT_EQ(Tree::create("/no/such/base", {1, 2, 3}).error().message(),
            "cgroup: enoent (/no/such/base)");
}

}  // namespace
}  // namespace contained::cgroup
