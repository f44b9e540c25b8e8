// How long a job lasts, and what it tells of its limits.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "cli/job_cli.hpp"

namespace contained::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class JobLasting : public JobCli {
 protected:
  bool lingers(const std::string& name) const {
    return before_long([&] {
      return job({"check", "-v", name}).out == name + ": running, its program has ended\n";
    });
  }
  json result_of(const std::string& name) const {
    return json::parse(job({"check", "--json", name}).out).at("result");
  }
  // Below a contained command.
  Came nested(Words words) const {
    auto outer = contained({"run", "--"});
    const auto inner = asked(std::move(words));
    outer.env = inner.env;
    outer.words.insert(outer.words.end(), inner.words.begin(), inner.words.end());
    return run_program(outer);
  }
};

TEST_F(JobLasting, AJobEndsWithItsProgram) {
  ASSERT_EQ(code({"run", "a", "sh", "-c", "sleep 300 & exit 3"}), 0);
  EXPECT_EQ(code({"wait", "a"}), 3);
  EXPECT_EQ(result_of("a").at("left_behind"), 1);
}

TEST_F(JobLasting, OrWhenNothingIsLeft) {
  ASSERT_EQ(code({"run", "--linger", "wait", "a", "sh", "-c", "sleep 300 & exit 3"}), 0);
  ASSERT_TRUE(lingers("a"));
  EXPECT_TRUE(runs("a"));
  EXPECT_THAT(job({"ls"}).out, HasSubstr("sleep 300\n"));
  EXPECT_EQ(json::parse(job({"ls", "--json"}).out).at("jobs").at(0).at("lingering"), true);
  EXPECT_EQ(code({"run", "a", "true"}), 1) << "its name is in use";
  EXPECT_EQ(code({"wait", "--timeout", "50ms", "a"}), 124);
  EXPECT_EQ(code({"stop", "a"}), 0);
  EXPECT_EQ(code({"wait", "a"}), 3) << "its program has exited so";
  EXPECT_EQ(result_of("a").at("reason"), "stopped");
}

TEST_F(JobLasting, WhatIsLeftMayEndByItself) {
  const auto leave = "(read line < " + temp_.path("fifo") + "; echo last words) & exit 4";
  ASSERT_EQ(::mkfifo(temp_.path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(code({"run", "--linger", "wait", "a", "sh", "-c", leave}), 0);
  ASSERT_TRUE(lingers("a"));
  std::ofstream(temp_.path("fifo")) << "go\n";
  EXPECT_EQ(code({"wait", "a"}), 4);
  EXPECT_EQ(result_of("a").at("reason"), "exit");
  EXPECT_EQ(content(log_of("a")), "last words\n");
}

TEST_F(JobLasting, OfLancoATaskLastsUntilNothingIsLeft) {
  auto lanco = asked({"run", "a", "sh", "-c", "sleep 300 & exit 0"});
  lanco.argv0 = "lanco";
  lanco.words.erase(lanco.words.begin() + 1);
  ASSERT_EQ(run_program(lanco).code(), 0);
  ASSERT_TRUE(lingers("a"));
  EXPECT_EQ(code({"stop", "a"}), 0);
  lanco.words = {lanco.words[0], space_, "run", "--linger", "kill", "a", "sh", "-c", "sleep 300 &"};
  ASSERT_EQ(run_program(lanco).code(), 0);
  EXPECT_EQ(code({"wait", "a"}), 0);
}

TEST_F(JobLasting, ATimeLimitIsItsExitCode) {
  ASSERT_EQ(code({"run", "--timeout", "50ms", "a", "sleep", "300"}), 0);
  EXPECT_EQ(code({"wait", "a"}), 124);
  EXPECT_EQ(job({"check", "-v", "a"}).out, "a: finished, signaled 15 (timeout)\n");
  EXPECT_EQ(code({"run", "-f", "--timeout", "50ms", "b", "sleep", "300"}), 124);
  const Words leave = {"sh", "-c", "sleep 300 &"};
  Words lingering = {"run", "--linger", "wait", "--timeout", "50ms", "c"};
  lingering.insert(lingering.end(), leave.begin(), leave.end());
  ASSERT_EQ(code(lingering), 0);
  EXPECT_EQ(code({"wait", "c"}), 124) << "the limit is of all of it";
}

TEST_F(JobLasting, BelowAContainedCommandItIsRefusedWithAdvice) {
  const auto came = nested({"run", "a", "sleep", "300"});
  EXPECT_EQ(came.code(), 125);
  EXPECT_THAT(came.err, HasSubstr("job a would not outlive us"));
  EXPECT_THAT(came.err, HasSubstr("Start it from outside, or with -f"));
  EXPECT_FALSE(std::filesystem::exists(file_of("a", "")));
}

TEST_F(JobLasting, ButInTheForegroundItHasItsNameThere) {
  ASSERT_EQ(code({"init"}), 0);
  const auto came = nested({"run", "-f", "-L", "a", "sh", "-c", "echo logged; exit 5"});
  EXPECT_EQ(came.code(), 5) << came.err;
  EXPECT_EQ(job({"check", "-v", "a"}).out, "a: finished, exited 5\n");
  EXPECT_EQ(job({"logs", "a"}).out, "logged\n");
}

TEST_F(JobLasting, RefusedForksAreTold) {
  const auto forks = "i=0; while [ $i -lt 9 ]; do sleep 300 & i=$((i+1)); done";
  ASSERT_EQ(code({"run", "--pids", "5", "--on-unsupported", "ignore", "a", "sh", "-c", forks}), 0);
  ASSERT_NE(code({"wait", "--timeout", "30s", "a"}), 124);
  const auto result = result_of("a");
  if (result.contains("not_applied")) {
    EXPECT_EQ(result.at("not_applied"), json({"pids"}));
    GTEST_SKIP() << "needs the controller pids";
  }
  EXPECT_EQ(result.at("limits_hit"), json({"pids"}));
  EXPECT_THAT(job({"check", "-v", "a"}).out, HasSubstr(", limits hit: pids\n"));
}

TEST_F(JobLasting, WhatTheKernelKillsForMemoryIsTold) {
  const auto eat = "head -c 64M /dev/zero | tail";
  ASSERT_EQ(code({"run", "--memory", "16m", "--limit", "swap=0", "--on-unsupported", "ignore", "a",
                  "sh", "-c", eat}),
            0);
  ASSERT_NE(code({"wait", "a"}), 124);
  const auto result = result_of("a");
  if (result.contains("not_applied") && result.at("not_applied") != json({"swap"})) {
    GTEST_SKIP() << "needs the controller memory";
  }
  EXPECT_EQ(result.at("limits_hit"), json({"memory"}));
  EXPECT_GE(result.at("memory_peak"), 8U << 20);
}

TEST_F(JobLasting, ARunningOneTellsThatItIsHeldBack) {
  ASSERT_EQ(code({"run", "--cpu", "0.05", "--on-unsupported", "ignore", "a", "sh", "-c",
                  "while :; do :; done"}),
            0);
  const auto now = [&] { return json::parse(job({"check", "--json", "a"}).out); };
  const bool limited = code({"run", "--cpu", "1", "b", "true"}) == 0;
  if (limited) {
    EXPECT_TRUE(before_long([&] { return now().value("limits_hit", json()) == json({"cpu"}); }));
  }
  ASSERT_EQ(code({"kill", "a"}), 0);
  if (!limited) GTEST_SKIP() << "needs the controller cpu";
  EXPECT_EQ(result_of("a").at("limits_hit"), json({"cpu"}));
}

TEST_F(JobLasting, VerboseTellsWhereItRuns) {
  const auto came = job({"run", "--verbose", "a", "sleep", "300"});
  const auto pid = std::to_string(entry("a").job.leader.pid);
  EXPECT_THAT(came.err, HasSubstr("contained: run: pid " + pid + " in "));
  EXPECT_THAT(came.err, HasSubstr(", log " + log_of("a")));
  EXPECT_THAT(job({"run", "-f", "--verbose", "b", "true"}).err, HasSubstr("contained: run: pid "));
}

TEST_F(JobLasting, ThePlanIsPrintedAndNothingDone) {
  const auto came = job({"run", "--dry-run", "--memory", "64m", "--linger", "wait", "a", "true"});
  const auto plan = json::parse(came.out);
  EXPECT_EQ(plan.at("command"), json({"true"}));
  EXPECT_EQ(plan.at("linger"), "wait");
  EXPECT_FALSE(std::filesystem::exists(runtime()));
}

TEST_F(JobLasting, GroupsThatWereAskedForAreNotDoneWithout) {
  EXPECT_EQ(code({"init", "--cgroup-base", "/no/such"}), 1);
}

}  // namespace
}  // namespace contained::test
