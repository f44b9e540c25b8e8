// `contained cgroup`, on the groups of a command that runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace {

using contained::test::Came;
using contained::test::pid_in;
using contained::test::Program;
using contained::test::run_program;
using nlohmann::json;
using testing::HasSubstr;
using Words = std::vector<std::string>;

Came cgroup(Words words) {
  words.insert(words.begin(), "cgroup");
  return run_program(::contained::test::contained(std::move(words)));
}

// A command with a group of its own; skips where there are none.
class Cgroup : public testing::Test {
 protected:
  Cgroup()
      : program_(::contained::test::contained(
            {"run", "--pids", "50", "--on-unsupported", "ignore", "sh", "-c",
             "echo $$ > " + directory_.path("pid") + "; exec sleep 600"})) {
    pid_ = std::to_string(pid_in(directory_.path("pid")));
  }

  void SetUp() override {
    const auto came = cgroup({"stats", pid_});
    if (came.out.find("populated 1") == std::string::npos) {
      GTEST_SKIP() << "needs control groups: " << came.err;
    }
  }

  // Killed, it would leave its group.
  void TearDown() override {
    if (program_.pid() <= 0) return;
    program_.signal(SIGTERM);
    program_.wait();
  }

  contained::test::TempDir directory_;
  Program program_;
  std::string pid_;
};

TEST_F(Cgroup, StatsAsTextAndJson) {
  const auto came = cgroup({"stats", "--json", pid_});
  ASSERT_EQ(came.code(), 0) << came.err;
  EXPECT_EQ(json::parse(came.out)["populated"], 1);
}

TEST_F(Cgroup, ItsProcesses) {
  const auto rows = json::parse(cgroup({"processes", "--json", pid_}).out);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(std::to_string(rows[0]["pid"].get<int>()), pid_);
  EXPECT_EQ(rows[0]["command"], "sleep 600");
  EXPECT_THAT(cgroup({"processes", pid_}).out, HasSubstr("sleep 600"));
}

TEST_F(Cgroup, ItsLimitsAndOthers) {
  const auto before = cgroup({"limits", pid_});
  ASSERT_EQ(before.code(), 0) << before.err;
  if (before.out.find("pids 50") == std::string::npos) GTEST_SKIP() << "needs the controller pids";
  EXPECT_EQ(cgroup({"set", pid_, "pids=60"}).code(), 0);
  EXPECT_EQ(json::parse(cgroup({"limits", "--json", pid_}).out)["pids"], "60");
  EXPECT_EQ(cgroup({"set", pid_, "pids.max=70"}).code(), 0);
  EXPECT_THAT(cgroup({"limits", pid_}).out, HasSubstr("pids 70"));
  EXPECT_EQ(cgroup({"set", pid_, "pids"}).code(), 2);
  EXPECT_EQ(cgroup({"set", pid_, "pids=many"}).code(), 1);
}

TEST_F(Cgroup, FreezeThawKill) {
  EXPECT_EQ(cgroup({"freeze", pid_}).code(), 0);
  EXPECT_TRUE(contained::test::before_long([&] {
    return cgroup({"stats", pid_}).out.find("frozen 1") != std::string::npos;
  }));
  EXPECT_EQ(cgroup({"thaw", pid_}).code(), 0);
  EXPECT_TRUE(contained::test::before_long([&] {
    return cgroup({"stats", pid_}).out.find("frozen 0") != std::string::npos;
  }));
  EXPECT_EQ(cgroup({"kill", pid_}).code(), 0);
  EXPECT_EQ(program_.wait().code(), 128 + SIGKILL);
}

TEST(CgroupAnywhere, WhatIsNoGroupIsRefused) {
  EXPECT_EQ(cgroup({"stats", "/tmp"}).code(), 1);
  EXPECT_EQ(cgroup({"stats", "/no/such"}).code(), 1);
  EXPECT_EQ(cgroup({"kill", "999999999"}).code(), 1);
  EXPECT_EQ(cgroup({"stats"}).code(), 2);
  EXPECT_EQ(cgroup({"explode", "1"}).code(), 2);
}

TEST(CgroupAnywhere, OurOwnGroupIsNotKilled) {
  const auto came = run_program(::contained::test::contained(
      {"run", "sh", "-c",
       CONTAINED_CLI_PATH " cgroup kill $$; echo $?; " CONTAINED_CLI_PATH
                          " cgroup freeze $$; echo $?"}));
  EXPECT_EQ(came.out, "1\n1\n") << came.err;
}

}  // namespace
