// A program that the child looks for itself, as System.find_executable/1 would find it.
#include <gtest/gtest.h>

#include <string>

#include "process/spawn.hpp"
#include "support/child_run.hpp"
#include "support/temp_dir.hpp"

namespace contained::process {
namespace {

using test::failure_of;
using test::run;
using test::spec_for;

class SearchTest : public ::testing::Test {
 protected:
  std::string script(const std::string& name, const std::string& says, mode_t mode = 0755) {
    return dir_.file(name, "#!/bin/sh\necho " + says + " $0\n", mode);
  }

  // What the one that is executed says, or why none is.
  std::string search(std::vector<std::string> candidates) {
    auto spec = spec_for({"name"});
    spec.program = "name";
    spec.candidates = std::move(candidates);
    const auto outcome = run(spec, refused_);
    return outcome.error ? failure_of(outcome) : outcome.out;
  }

  test::TempDir dir_;
  Refused refused_;
};

TEST_F(SearchTest, TheFirstExecutableFileIsTakenAndIsArgv0) {
  const auto first = script("first", "one");
  const auto second = script("second", "two");
  EXPECT_EQ(search({dir_.path("none"), first, second}), "one " + first + "\n");
}

TEST_F(SearchTest, WhatIsNoExecutableFileIsPassedOver) {
  const auto plain = script("plain", "no", 0644);
  const auto good = script("good", "yes");
  EXPECT_EQ(search({plain, dir_.path(), plain + "/x", std::string(5000, 'x'), good}),
            "yes " + good + "\n");
}

TEST_F(SearchTest, NoneIsEnoent) {
  EXPECT_EQ(search({dir_.path("a"), dir_.path("b")}), "exec: enoent");
  EXPECT_EQ(search({script("plain", "no", 0644)}), "exec: enoent");
}

TEST_F(SearchTest, OneThatIsFoundAndCannotBeExecutedIsTheEndOfTheSearch) {
  const auto good = script("good", "yes");
  EXPECT_EQ(search({dir_.file("text", "echo hi\n", 0755), good}), "exec: enoexec");
  EXPECT_EQ(search({dir_.file("lost", "#!/no/such\n", 0755), good}), "exec: enoent");
}

}  // namespace
}  // namespace contained::process
