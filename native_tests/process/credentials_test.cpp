#include "process/credentials.hpp"

#include <gtest/gtest.h>

#include <set>

namespace contained::process {
namespace {

constexpr auto kUnchanged = static_cast<id_t>(-1);
using Groups = std::optional<std::vector<gid_t>>;

std::string refusal(const Credentials& who) {
  const auto status = check(who);
  return status ? "ok" : status.error().message();
}

TEST(ResourceNames, EachNameIsOneResource) {
  std::set<int> numbers;
  for (const auto* name :
       {"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
        "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}) {
    const auto number = resource_named(name);
    ASSERT_TRUE(number.has_value()) << name;
    EXPECT_EQ(resource_name(*number), name);
    numbers.insert(*number);
  }
  EXPECT_EQ(numbers.size(), static_cast<std::size_t>(RLIM_NLIMITS));
}

TEST(ResourceNames, OthersAreNone) {
  EXPECT_FALSE(resource_named("NOFILE").has_value());
  EXPECT_FALSE(resource_named("").has_value());
  EXPECT_EQ(resource_name(RLIM_NLIMITS), "");
}

TEST(Credentials, PlainWhenNothingIsAsked) {
  EXPECT_TRUE(Credentials{}.plain());
  EXPECT_FALSE(Credentials{.gid = 1}.plain());
  EXPECT_FALSE(Credentials{.groups = Groups(std::in_place)}.plain());
  EXPECT_FALSE(Credentials{.umask = 0}.plain());
  EXPECT_FALSE(Credentials{.nice = 0}.plain());
  EXPECT_FALSE(Credentials{.oom_score_adj = 0}.plain());
  EXPECT_FALSE(Credentials{.limits = {{}}}.plain());
  EXPECT_FALSE(Credentials{.no_new_privs = true}.plain());
  EXPECT_FALSE(Credentials{.capabilities = Capabilities{}}.plain());
}

TEST(CheckCredentials, AUserNeedsAGroup) {
  EXPECT_EQ(refusal({.uid = 1}), "ids: einval (gid)");
  EXPECT_EQ(refusal({.uid = 1, .gid = 1}), "ok");
  EXPECT_EQ(refusal({.gid = 1}), "ok");
}

TEST(CheckCredentials, MinusOneIsNobodysId) {
  EXPECT_EQ(refusal({.uid = kUnchanged, .gid = 1}), "ids: einval (uid)");
  EXPECT_EQ(refusal({.gid = kUnchanged}), "ids: einval (gid)");
  EXPECT_EQ(refusal({.groups = Groups({1, kUnchanged})}), "ids: einval (groups)");
}

TEST(GroupsToSet, AreNeverTheCallersForAnotherUser) {
  EXPECT_EQ(groups_to_set({}), Groups());
  EXPECT_EQ(groups_to_set({.uid = 1, .gid = 1}), Groups(std::in_place));
  EXPECT_EQ(groups_to_set({.gid = 1}), Groups(std::in_place));
}

TEST(GroupsToSet, AreInTheKernelsOrder) {
  EXPECT_EQ(groups_to_set({.groups = Groups({9, 3, 9, 5})}), Groups({3, 5, 9}));
}

}  // namespace
}  // namespace contained::process
