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
    return spec_of(start_, environment_, vm_directory);
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
  start_.cd = "/srv";
  EXPECT_EQ(spec("/proc/7/cwd").cd, "/srv");
}

TEST_F(SpecTest, TheEnvironmentIsTheChangedOne) {
  start_.env = {{"B", "2"}};
  EXPECT_THAT(spec().env, ElementsAre("A=1", "B=2"));
}

}  // namespace
}  // namespace contained::engine
