// Jobs in the hands of people: several at once, logs that are followed, outputs that are full,
// directories that are gone.
#include <algorithm>
#include <chrono>
#include <fstream>

#include "cli/job_cli.hpp"

namespace contained::test {
namespace {

class JobUse : public JobCli {
 protected:
  // Words that a shell runs as "$@" in |script|.
  Asked in_shell(const std::string& script, Words words) const {
    auto inner = asked(std::move(words));
    inner.words.insert(inner.words.begin(), {"/bin/sh", "-c", script, "sh"});
    return inner;
  }

  void stop_keeper(const std::string& name) const {
    const auto told = entry(name).job;
    for (const pid_t pid : {told.guardian.pid, told.worker.pid}) {
      const auto stat = "/proc/" + std::to_string(pid) + "/stat";
      ::kill(pid, SIGSTOP);
      ASSERT_TRUE(before_long([&] { return content(stat).find(") T ") != std::string::npos; }));
    }
  }
};

// Whether it sleeps with a socket open.
bool listens(pid_t pid) {
  const auto process = "/proc/" + std::to_string(pid);
  if (content(process + "/stat").find(") S ") == std::string::npos) return false;
  std::error_code gone;
  for (const auto& fd : std::filesystem::directory_iterator(process + "/fd", gone)) {
    const auto target = std::filesystem::read_symlink(fd.path(), gone).string();
    if (target.starts_with("socket:")) return true;
  }
  return false;
}

std::string until_there(const std::string& file) {
  return "while ! test -e " + file + "; do sleep 0.02; done; ";
}

bool says(const Came& came, const std::string& text) {
  return came.err.find(text) != std::string::npos;
}

TEST_F(JobUse, ALogIsFollowedToTheByteAcrossRotations) {
  const auto go = temp_.path("go");
  const auto script = "echo begin; " + until_there(go) + "seq 100000";
  ASSERT_EQ(code({"run", "--log-size", "8K", "--keep", "9999", "a", "sh", "-c", script}), 0);
  Program follower(asked({"logs", "-f", "a"}));
  ASSERT_TRUE(follower.wait_for_output("begin\n"));
  std::ofstream(go).put('x');
  std::string expected = "begin\n";
  for (int i = 1; i <= 100000; ++i) expected += std::to_string(i) + "\n";
  const auto came = follower.wait();
  EXPECT_EQ(came.code(), 0) << came.err;
  EXPECT_TRUE(came.out == expected) << came.out.size() << " of " << expected.size();
  EXPECT_TRUE(std::filesystem::exists(log_of("a") + ".9")) << "there were rotations";
}

TEST_F(JobUse, TheLogOfTheNextJobOfThatNameIsNotFollowed) {
  ASSERT_EQ(code({"run", "a", "sh", "-c", "echo one; exec sleep 300"}), 0);
  Program follower(asked({"logs", "-f", "a"}));
  ASSERT_TRUE(follower.wait_for_output("one\n"));
  ASSERT_EQ(code({"kill", "a"}), 0);
  ASSERT_EQ(code({"run", "a", "sh", "-c", "echo two; exec sleep 300"}), 0);
  EXPECT_EQ(follower.wait().out, "one\n");
  EXPECT_TRUE(runs("a"));
}

TEST_F(JobUse, AWaitIsForTheRunThatItHasFound) {
  const auto go = temp_.path("go");
  const auto next = std::string(CONTAINED_CLI_PATH) + " job " + space_ + " run a sleep 300";
  ASSERT_EQ(code({"run", "--on-exit", next, "a", "sh", "-c", until_there(go) + "exit 7"}), 0);
  const auto first = entry("a").job.guardian;
  Program waiter(asked({"wait", "a"}));
  ASSERT_TRUE(before_long([&] { return listens(waiter.pid()); }));
  std::ofstream(go).put('x');
  EXPECT_EQ(waiter.wait().code(), 7);
  EXPECT_TRUE(before_long([&] { return runs("a") && entry("a").job.guardian != first; }));
}

// It may be continued: nothing is over.
TEST_F(JobUse, AWaitOutlastsAKeeperThatDoesNotAnswer) {
  ASSERT_EQ(code({"run", "a", "sleep", "300"}), 0);
  stop_keeper("a");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(code({"wait", "-t", "6s", "a"}), 124);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(6));
}

TEST_F(JobUse, AStopWakesAKeeperThatWasStopped) {
  ASSERT_EQ(code({"run", "a", "sleep", "300"}), 0);
  stop_keeper("a");
  EXPECT_EQ(code({"stop", "a"}), 0);
  const auto outcome = entry("a").outcome;
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->reason, "stopped");
  EXPECT_EQ(outcome->code, SIGTERM) << "by the ladder";
}

TEST_F(JobUse, SeveralAreStoppedAndWaitedForAtOnce) {
  for (const char* name : {"a", "b", "c"}) ASSERT_EQ(code({"run", name, "sleep", "300"}), 0);
  const auto came = job({"stop", "a", "nosuch", "b"});
  EXPECT_EQ(came.code(), 1);
  EXPECT_TRUE(says(came, "job nosuch is not running")) << came.err;
  EXPECT_FALSE(runs("a") || runs("b"));
  EXPECT_TRUE(runs("c"));
  EXPECT_EQ(code({"kill", "c"}), 0);
  ASSERT_EQ(code({"run", "d", "true"}), 0);
  ASSERT_EQ(code({"run", "e", "sh", "-c", "exit 4"}), 0);
  EXPECT_EQ(code({"wait", "d", "e", "c"}), 4) << "the first that is not 0";
  EXPECT_EQ(code({"wait", "d"}), 0);
}

TEST_F(JobUse, WhatCannotBeShownIsAFailure) {
  ASSERT_EQ(code({"run", "a", "sh", "-c", "echo hello; exec sleep 300"}), 0);
  ASSERT_TRUE(before_long([&] { return !content(log_of("a")).empty(); }));
  const std::vector<Words> commands = {
      {"ls"},           {"ls", "--json"},         {"dump"},
      {"logs", "a"},    {"check", "--json", "a"}, {"check", "-v", "a"},
      {"top", "--once"}};
  for (const auto& words : commands) {
    const auto came = run_program(in_shell("\"$@\" > /dev/full", words));
    EXPECT_NE(came.code(), 0) << words.front();
    EXPECT_TRUE(says(came, "No space left on device")) << words.front() << ": " << came.err;
  }
}

TEST_F(JobUse, WithoutACurrentDirectoryNoneIsMadeUp) {
  const auto gone = temp_.path("gone");
  const auto script = "mkdir " + gone + " && cd " + gone + " && rmdir " + gone + " && exec \"$@\"";
  const auto came = run_program(in_shell(script, {"run", "a", "true"}));
  EXPECT_EQ(came.code(), 125);
  EXPECT_TRUE(says(came, "the current directory: No such file or directory")) << came.err;
  const auto log =
      run_program(in_shell(script, {"run", "--chdir", "/", "-l", "a.log", "a", "true"}));
  EXPECT_TRUE(says(log, "the current directory: No such file or directory")) << log.err;
  EXPECT_EQ(run_program(in_shell(script, {"run", "--chdir", "/", "a", "true"})).code(), 0);
  EXPECT_EQ(run_program(in_shell(script, {"run", "-f", "b", "true"})).code(), 0);
}

TEST_F(JobUse, RelativeDirectoriesOfOursAreRefused) {
  for (const char* variable : {"CONTAINED_RUNTIME_DIR", "CONTAINED_LOG_DIR"}) {
    auto relative = asked({"run", "a", "true"});
    relative.env[variable] = "somewhere";
    relative.directory = temp_.path();
    const auto came = run_program(relative);
    EXPECT_EQ(came.code(), 125);
    EXPECT_TRUE(says(came, std::string(variable) + " must be an absolute path")) << came.err;
    EXPECT_FALSE(std::filesystem::exists(temp_.path("somewhere")));
  }
}

TEST_F(JobUse, AJobWithoutALogDoesNotShowAnOlderOne) {
  ASSERT_EQ(code({"run", "a", "echo", "old"}), 0);
  ASSERT_EQ(code({"wait", "a"}), 0);
  ASSERT_EQ(code({"run", "--no-log", "a", "true"}), 0);
  const auto came = job({"logs", "a"});
  EXPECT_EQ(came.code(), 1);
  EXPECT_EQ(came.out, "");
  EXPECT_TRUE(says(came, "job a has no log")) << came.err;
}

TEST_F(JobUse, CommandLinesDoNotCommandTheTerminal) {
  const std::string evil = "\x1b]0;owned\x07\xc2\x9b ü\r\x7f";
  ASSERT_EQ(code({"run", "a", "sh", "-c", "sleep 300; :", evil}), 0);
  const auto shown = job({"ls", "-l"}).out;
  const auto bad = [](unsigned char c) { return (c < 32 && c != '\n') || c == 127; };
  EXPECT_TRUE(std::none_of(shown.begin(), shown.end(), bad)) << shown;
  EXPECT_EQ(shown.find("\xc2\x9b"), shown.npos);
  EXPECT_NE(shown.find("ü"), shown.npos) << shown;
}

}  // namespace
}  // namespace contained::test
