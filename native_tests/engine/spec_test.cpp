#include "engine/spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace contained::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SpecTest : public ::testing::Test {
 protected:
  process::SpawnSpec spec(const std::string& vm_directory = {}) const {
    auto made = spec_of(start_, environment_, vm_directory);
    EXPECT_TRUE(made.ok());
    return made ? *made : process::SpawnSpec{};
  }

  Error refusal() const {
    auto made = spec_of(start_, environment_, {});
    EXPECT_FALSE(made.ok());
    return made ? Error{} : made.error();
  }

  const char* const variables_[2] = {"A=1", nullptr};
  Environment environment_{variables_};
  protocol::Start start_;
};

TEST_F(SpecTest, APathIsTakenAsItIs) {
  start_.program = "/bin/x";
  start_.args = {"me", "1"};
  EXPECT_EQ(spec().program, "/bin/x");
  EXPECT_THAT(spec().args, ElementsAre("me", "1"));
  EXPECT_THAT(spec().candidates, IsEmpty());
}

TEST_F(SpecTest, ANameIsLookedForInTheOrderOfThePath) {
  start_.program = "x";
  start_.path = "/one:/two/three";
  EXPECT_THAT(spec().candidates, ElementsAre("/one/x", "/two/three/x"));
}

TEST_F(SpecTest, TheDirectoryIsTheRequestsElseTheVms) {
  EXPECT_EQ(spec().cd, std::nullopt);
  EXPECT_EQ(spec("/proc/7/cwd").cd, "/proc/7/cwd");
  EXPECT_TRUE(spec("/proc/7/cwd").inherit_cd);
  start_.cd = "/srv";
  EXPECT_FALSE(spec("/proc/7/cwd").inherit_cd);
  EXPECT_EQ(spec("/proc/7/cwd").cd, "/srv");
}

TEST_F(SpecTest, TheEnvironmentIsTheChangedOne) {
  start_.env = {{"B", "2"}};
  EXPECT_THAT(spec().env, ElementsAre("A=1", "B=2"));
}

TEST_F(SpecTest, WhoIsHandedOn) {
  start_.identity.uid = 7;
  start_.identity.gid = 8;
  start_.identity.groups = {9, 10};
  start_.identity.rlimits = {{"nofile", 5, std::nullopt}};
  start_.identity.capabilities = {.drop_all = true, .drop = {}, .keep = {}, .ambient = {}};
  const auto who = spec().who;
  EXPECT_EQ(who.uid, 7U);
  EXPECT_EQ(who.gid, 8U);
  EXPECT_EQ(who.groups, (std::vector<gid_t>{9, 10}));
  ASSERT_EQ(who.limits.size(), 1U);
  EXPECT_EQ(who.limits[0].resource, RLIMIT_NOFILE);
  EXPECT_EQ(who.limits[0].value.rlim_cur, 5U);
  EXPECT_EQ(who.limits[0].value.rlim_max, RLIM_INFINITY);
  ASSERT_TRUE(who.capabilities.has_value());
  EXPECT_NE(who.capabilities->drop, 0U);
}

TEST_F(SpecTest, AskingForNothingIsPlain) { EXPECT_TRUE(spec().who.plain()); }

TEST_F(SpecTest, AnUnknownResourceAndAnUnknownCapabilityAreNamed) {
  start_.identity.rlimits = {{"files", 5, 5}};
  EXPECT_EQ(refusal().stage, Stage::kRlimit);
  EXPECT_EQ(refusal().subject, "files");
  start_.identity.rlimits.clear();
  start_.identity.capabilities = {
      .drop_all = false, .drop = {"cap_fly"}, .keep = {}, .ambient = {}};
  EXPECT_EQ(refusal().stage, Stage::kCapabilities);
  EXPECT_EQ(refusal().subject, "cap_fly");
}

}  // namespace
}  // namespace contained::engine
