// Trees and occupied groups are found wherever they are, in directories that stand for hierarchies.
#include "cgroup/search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/fixture_tree.hpp"

namespace contained::cgroup {
namespace {

using test::dir;
using test::file;
using test::FixtureTree;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::string kOne = tree_name({1, 100, 5});
const std::string kTwo = tree_name({1, 200, 6});

std::vector<std::string> paths(const std::vector<Address>& places) {
  std::vector<std::string> all;
  for (const auto& place : places) all.push_back(place.path);
  return all;
}

std::vector<std::string> names(const std::vector<Occupied>& groups) {
  std::vector<std::string> all;
  for (const auto& group : groups) all.push_back(group.name);
  return all;
}

test::Node group(std::string name, std::string pids, std::vector<test::Node> below = {}) {
  below.push_back(file("cgroup.procs", std::move(pids)));
  return dir(std::move(name), std::move(below));
}

TEST(Search, FindsTreesAtAnyDepthAndNothingBelowThem) {
  const FixtureTree v2({dir(kOne, {dir(kTwo)}), dir("a", {dir("b", {dir(kTwo)})}),
                        dir("contained-0-0-0"), file("contained-1-300-7", "")});
  const auto found = find_trees({{{}, v2.root()}}, ::geteuid());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_THAT((std::vector{found[0].owner.pid, found[1].owner.pid}),
              UnorderedElementsAre(100, 200));
  const auto& deep = found[found[0].owner.pid == 200 ? 0 : 1];
  EXPECT_THAT(paths(deep.places), ElementsAre(v2.path("a/b/" + kTwo)));
}

TEST(Search, OthersTreesAreNotOurs) {
  const FixtureTree v2({dir(kOne)});
  EXPECT_THAT(find_trees({{{}, v2.root()}}, ::geteuid() + 1), IsEmpty());
  EXPECT_THAT(find_trees({{{}, v2.path("missing")}}, ::geteuid()), IsEmpty());
}

TEST(Search, ATreeOfAllHierarchiesIsOneAndWhatTracksIsFirst) {
  const FixtureTree memory({dir("x", {dir(kOne)})});
  const FixtureTree v2({dir(kOne)});
  const FixtureTree freezer({dir(kOne)});
  const auto hybrid = find_trees({{{"memory"}, memory.root()}, {{}, v2.root()}}, ::geteuid());
  ASSERT_EQ(hybrid.size(), 1U);
  EXPECT_THAT(paths(hybrid[0].places), ElementsAre(v2.path(kOne), memory.path("x/" + kOne)));
  const auto v1 =
      find_trees({{{"memory"}, memory.root()}, {{"freezer"}, freezer.root()}}, ::geteuid());
  ASSERT_EQ(v1.size(), 1U);
  EXPECT_EQ(v1[0].places.front().path, freezer.path(kOne));
}

TEST(Search, GroupsWithMembersAreOccupiedAndThoseAboveAndBelowAreNot) {
  const FixtureTree v2({group(
      kOne, "",
      {group("default", "", {group("1", "41\n42\n", {group("own", "43\n")}), group("2", "")}),
       group("web", "", {group("blue", "", {group("3", "50\n")})})})});
  const FixtureTree memory({group(kOne, "", {group("default", "", {group("1", "41\n")})})});
  const auto found = find_trees({{{}, v2.root()}, {{"memory"}, memory.root()}}, ::geteuid());
  ASSERT_EQ(found.size(), 1U);
  const auto groups = occupied_in(found[0]);
  EXPECT_THAT(names(groups), UnorderedElementsAre("default/1", "web/blue/3"));
  const auto& first = groups[groups[0].name == "default/1" ? 0 : 1];
  EXPECT_THAT(paths(first.places),
              ElementsAre(v2.path(kOne + "/default/1"), memory.path(kOne + "/default/1")));
  EXPECT_NE(first.places.front().inode, 0U);
}

}  // namespace
}  // namespace contained::cgroup
