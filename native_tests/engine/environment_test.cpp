#include "engine/environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace contained::engine {
namespace {

using ::testing::ElementsAre;

Environment made_of(std::vector<const char*> variables) {
  variables.push_back(nullptr);
  return Environment(variables.data());
}

TEST(EnvironmentTest, IsInheritedAsItIs) {
  const auto environment = made_of({"A=1", "B=", "C=x=y", "bytes=\xff\n"});
  EXPECT_THAT(environment.with({}, false), ElementsAre("A=1", "B=", "C=x=y", "bytes=\xff\n"));
}

TEST(EnvironmentTest, ChangesAddReplaceAndRemove) {
  const auto environment = made_of({"A=1", "B=2", "C=3"});
  EXPECT_THAT(environment.with({{"B", std::nullopt}, {"C", "4"}, {"D", ""}}, false),
              ElementsAre("A=1", "C=4", "D="));
}

TEST(EnvironmentTest, TheLastChangeOfAVariableWins) {
  const auto environment = made_of({"A=1"});
  EXPECT_THAT(environment.with({{"A", "2"}, {"A", std::nullopt}, {"A", "3"}, {"B", "x"}}, false),
              ElementsAre("A=3", "B=x"));
}

TEST(EnvironmentTest, ClearBeginsFromNothing) {
  const auto environment = made_of({"A=1"});
  EXPECT_THAT(environment.with({{"B", "2"}}, true), ElementsAre("B=2"));
  EXPECT_THAT(environment.with({}, true), ElementsAre());
}

TEST(EnvironmentTest, WhatTheVmSetForItselfIsNotHandedOn) {
  const auto environment =
      made_of({"BINDIR=/erts/bin", "ROOTDIR=/erl", "EMU=beam", "PROGNAME=erl", "HOME=/root",
               "PATH=/erts/bin:/erl/bin:/erts/bin:/erl/bin:/usr/bin:/erl/bin"});
  EXPECT_THAT(environment.with({}, false), ElementsAre("HOME=/root", "PATH=/usr/bin:/erl/bin"));
}

TEST(EnvironmentTest, WithoutAVmTheseNamesAreTheUsersOwn) {
  const auto environment = made_of({"EMU=bird", "PATH=/a"});
  EXPECT_THAT(environment.with({}, false), ElementsAre("EMU=bird", "PATH=/a"));
}

TEST(EnvironmentTest, AChangeCanNameWhatIsNotHandedOn) {
  const auto environment = made_of({"BINDIR=/b", "ROOTDIR=/r", "EMU=beam"});
  EXPECT_THAT(environment.with({{"EMU", "beam"}}, false), ElementsAre("EMU=beam"));
}

TEST(EnvironmentTest, AHundredThousandChangesAreNoTrouble) {
  const auto environment = made_of({"A=1"});
  std::vector<protocol::EnvChange> changes;
  for (int i = 0; i < 100'000; ++i) changes.emplace_back("V" + std::to_string(i % 50'000), "x");
  EXPECT_EQ(environment.with(changes, false).size(), 50'001U);
}

}  // namespace
}  // namespace contained::engine
