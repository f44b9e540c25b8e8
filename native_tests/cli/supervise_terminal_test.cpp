// `contained supervise -n` at a terminal, which is tmux here.
#include <gmock/gmock.h>

#include "cli/supervised.hpp"
#include "support/tmux.hpp"

namespace contained::test {
namespace {

class SuperviseTerminal : public Supervised {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/tmux", X_OK) != 0 || ::access("/bin/bash", X_OK) != 0)
      GTEST_SKIP() << "needs tmux and bash";
    const auto wrong =
        terminal_.open(120, 40, "cd " + dir_.path() + "; exec env PS1='$ ' bash --norc -i");
    ASSERT_EQ(wrong, "");
  }

  void type(const std::string& words) const {
    terminal_.type(CONTAINED_CLI_PATH " supervise -n " + words);
  }
  // Once it is there.
  pid_t pid_of(const std::string& name) const { return pid_in(dir_.path(name)); }

  bool is_in_state(pid_t pid, char wanted) const {
    return before_long([&] {
      const auto stat = read_proc_stat(pid);
      return stat && stat->state == wanted;
    });
  }
  void expect_status(int code) const {
    terminal_.type("echo status-$?");
    EXPECT_TRUE(terminal_.shows("status-" + std::to_string(code))) << terminal_.screen();
  }

  Tmux terminal_;
};

TEST_F(SuperviseTerminal, ControlCEndsCommandAndSupervisor) {
  type("--backoff 0:0 -- sh -c 'echo $$ >> runs; exec sleep 600'");
  const pid_t pid = pid_of("runs");
  terminal_.key("C-c");
  expect_status(128 + SIGINT);
  EXPECT_FALSE(lives(pid));
  EXPECT_EQ(count("runs", "\n"), 1U) << "no further run";
}

// It has heard the terminal's, so what comes first is time.
TEST_F(SuperviseTerminal, ControlCIsFollowedByTheLadder) {
  type(
      "--stop TERM:200ms -- sh -c 'trap \"echo int >> heard\" INT; trap \"echo term >> heard\" "
      "TERM; echo $$ > cmd; while :; do sleep 0.05; done'");
  const pid_t pid = pid_of("cmd");
  terminal_.key("C-c");
  expect_status(128 + SIGKILL);
  EXPECT_FALSE(lives(pid));
  EXPECT_EQ(text("heard"), "int\nterm\n");
}

TEST_F(SuperviseTerminal, ControlCDoesNotCostTheLastWords) {
  type(
      "-- sh -c 'trap \"echo bye; exit 3\" INT; echo $$ > cmd; while :; do sleep 0.05; done' "
      "-- sh -c 'cat > log'");
  pid_of("cmd");
  terminal_.key("C-c");
  expect_status(3);
  EXPECT_EQ(text("log"), "bye\n");
}

TEST_F(SuperviseTerminal, AStopAndAContinuation) {
  type("-- sh -c 'echo $$ > cmd; exec sleep 600'");
  const pid_t pid = pid_of("cmd");
  ASSERT_TRUE(is_in_state(pid, 'S'));
  terminal_.key("C-z");
  EXPECT_TRUE(terminal_.shows("Stopped")) << terminal_.screen();
  EXPECT_TRUE(is_in_state(pid, 'T'));
  terminal_.type("fg");
  EXPECT_TRUE(is_in_state(pid, 'S'));
  terminal_.key("C-c");
  expect_status(128 + SIGINT);
}

TEST_F(SuperviseTerminal, TheCommandMayReadAndTheTerminalShowsItsStatus) {
  type("-1 -I /dev/stderr -- sh -c 'read line; echo got-$line'");
  EXPECT_TRUE(terminal_.shows("cmd start ")) << terminal_.screen();
  terminal_.type("words");
  EXPECT_TRUE(terminal_.shows("got-words")) << terminal_.screen();
  EXPECT_TRUE(terminal_.shows("cmd exit ")) << terminal_.screen();
  expect_status(0);
}

TEST_F(SuperviseTerminal, NothingOutlivesTheTerminal) {
  type("-p pid --backoff 0:0 -- sh -c 'echo $$ > cmd; exec sleep 600'");
  const pid_t pid = pid_of("cmd");
  const pid_t supervisor = pid_of("pid");
  const auto worker = children_of(supervisor);
  ASSERT_EQ(worker.size(), 1U);
  terminal_.close();
  EXPECT_TRUE(dies(pid));
  EXPECT_TRUE(dies(supervisor));
  EXPECT_TRUE(dies(worker.front()));
}

}  // namespace
}  // namespace contained::test
