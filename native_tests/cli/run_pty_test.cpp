// `contained run --pty`: a terminal for the command, whatever ours is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"
#include "support/tmux.hpp"

namespace {

using contained::test::dies;
using contained::test::pid_in;
using contained::test::Program;
using contained::test::run_program;
using contained::test::TempDir;
using contained::test::Tmux;
using testing::StartsWith;
using Words = std::vector<std::string>;

constexpr std::size_t kMebibyte = 1U << 20;

contained::test::Asked run_pty(Words words, std::optional<std::string> input = {}) {
  words.insert(words.begin(), {"run", "--pty"});
  auto asked = contained::test::contained(std::move(words));
  asked.input = std::move(input);
  return asked;
}

TEST(RunPty, StdinStdoutAndStderrAreOneTerminal) {
  const auto came = run_program(run_pty({"sh", "-c", "tty; stty size; echo err >&2; exit 3"}));
  EXPECT_EQ(came.code(), 3);
  EXPECT_THAT(came.out, StartsWith("/dev/pts/"));
  EXPECT_THAT(came.out, testing::EndsWith("\r\n24 80\r\nerr\r\n"));
  EXPECT_EQ(came.err, "");
}

TEST(RunPty, InputIsPassedOnAndItsEnd) {
  const auto came = run_program(run_pty({"cat"}, "one\ntwo"));
  EXPECT_EQ(came.code(), 0);
  EXPECT_EQ(came.out, "one\r\ntwo");
}

TEST(RunPty, TheEndOfStdinStopsOnlyIfAsked) {
  const TempDir directory;
  const auto script = "trap '' HUP; echo $$ > " + directory.path("pid") + "; exec sleep 600";
  Program program(run_pty({"--kill-on-close", "sh", "-c", script}, ""));
  const pid_t pid = pid_in(directory.path("pid"));
  EXPECT_EQ(program.wait().code(), 128 + SIGTERM);
  EXPECT_TRUE(dies(pid));
}

TEST(RunPty, OutputIsComplete) {
  const auto script = "head -c 1048576 /dev/zero | tr '\\0' x";
  const auto came = run_program(run_pty({"sh", "-c", script}));
  EXPECT_EQ(came.code(), 0);
  EXPECT_TRUE(came.out == std::string(kMebibyte, 'x')) << came.out.size();
}

TEST(RunPty, OutputGoesToAFileToo) {
  const TempDir directory;
  const auto run = std::string(CONTAINED_CLI_PATH) + " run --pty -- ";
  const auto line =
      run + "sh -c 'head -c 1048576 /dev/zero | tr \"\\0\" x' > " + directory.path("out");
  EXPECT_EQ(run_program({.words = {"/bin/sh", "-c", line}}).code(), 0);
  EXPECT_TRUE(contained::test::content(directory.path("out")) == std::string(kMebibyte, 'x'));
}

TEST(RunPty, AReaderWhoLeavesStopsIt) {
  const auto run = std::string(CONTAINED_CLI_PATH) + " run --pty -- yes | head -n 1";
  const auto came = run_program({.words = {"/bin/sh", "-c", run}});
  EXPECT_EQ(came.out, "y\r\n");
  EXPECT_EQ(came.code(), 0);
}

TEST(RunPty, ThePlanTellsOfIt) {
  const auto came = run_program(run_pty({"--dry-run", "true"}));
  const auto size = nlohmann::json::parse(came.out)["pty"];
  EXPECT_EQ(size, (nlohmann::json{24, 80}));
}

// ---- At a terminal of ours

class RunPtyAtATerminal : public testing::Test {
 protected:
  void SetUp() override {
    const auto wrong = tmux_.open(100, 40, "env PS1='$ ' PATH=/usr/bin:/bin bash --norc -i");
    if (!wrong.empty()) GTEST_SKIP() << wrong;
  }

  // Runs |script|, and says so when it is over: what is typed before is the command's.
  void run(const std::string& script) const {
    std::ofstream(directory_.path("script")) << script;
    tmux_.type(std::string(CONTAINED_CLI_PATH) + " run --pty -- bash " + directory_.path("script") +
               "; echo over-$?");
  }

  TempDir directory_;
  Tmux tmux_;
};

TEST_F(RunPtyAtATerminal, ItIsAsLargeAndFollows) {
  run("trap 'echo now-$(stty size)' WINCH; echo at-$(stty size); while :; do sleep 0.05; done\n");
  ASSERT_TRUE(tmux_.shows("at-40 100")) << tmux_.screen();
  tmux_.resize(90, 30);
  ASSERT_TRUE(tmux_.shows("now-30 90")) << tmux_.screen();
  tmux_.key("C-c");
  EXPECT_TRUE(tmux_.shows("over-130")) << tmux_.screen();
}

TEST_F(RunPtyAtATerminal, TheTerminalIsAsItWasAfterwards) {
  tmux_.type("before=$(stty -g)");
  run("stty raw -echo\n");
  ASSERT_TRUE(tmux_.shows("over-0")) << tmux_.screen();
  tmux_.type("test \"$before\" = \"$(stty -g)\"; echo same-$?");
  EXPECT_TRUE(tmux_.shows("same-0")) << tmux_.screen();
}

TEST_F(RunPtyAtATerminal, WhatIsTypedIsSeenOnce) {
  run("printf 'name? '; read name; echo hello $name\n");
  ASSERT_TRUE(tmux_.shows("\nname?")) << tmux_.screen();
  tmux_.type("Ann");
  ASSERT_TRUE(tmux_.shows("hello Ann")) << tmux_.screen();
  const auto screen = tmux_.screen();
  EXPECT_NE(screen.find("name? Ann\nhello Ann\n"), std::string::npos) << screen;
}

}  // namespace
