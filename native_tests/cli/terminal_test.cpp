// `contained run` at a terminal, which is tmux here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace {

using contained::test::before_long;
using contained::test::lives;
using contained::test::pid_in;
using contained::test::run_program;
using contained::test::TempDir;
using Words = std::vector<std::string>;

// A shell in a tmux server of its own.
class Terminal : public testing::Test {
 protected:
  void SetUp() override {
    const auto came = tmux({"-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40",
                            "env PS1='$ ' PATH=/usr/local/bin:/usr/bin:/bin bash --norc -i"});
    if (came.code() != 0) GTEST_SKIP() << "needs tmux and bash: " << came.err;
  }
  void TearDown() override { tmux({"kill-server"}); }

  contained::test::Came tmux(Words words) const {
    words.insert(words.begin(), {"/usr/bin/tmux", "-S", directory_.path("socket")});
    return run_program(
        {.words = std::move(words), .env = {{"TERM", "xterm"}, {"LC_ALL", "C.UTF-8"}}});
  }

  void type(const std::string& line) const { tmux({"send-keys", "-l", line}), key("Enter"); }
  void key(const std::string& name) const { tmux({"send-keys", name}); }
  std::string screen() const { return tmux({"capture-pane", "-p"}).out; }
  bool shows(const std::string& text) const {
    return before_long([&] { return screen().find(text) != std::string::npos; });
  }

  TempDir directory_;
};

const std::string kRun = CONTAINED_CLI_PATH " run ";

TEST_F(Terminal, ControlCEndsTheCommandAndTheShellGoesOn) {
  type("alias x=true; " + kRun + "sh -c 'echo $$ > " + directory_.path("pid") +
       "; exec sleep 600'");
  const pid_t pid = pid_in(directory_.path("pid"));
  key("C-c");
  EXPECT_TRUE(contained::test::dies(pid));
  type("echo status-$?");
  EXPECT_TRUE(shows("status-130")) << screen();
}

TEST_F(Terminal, AStopAndAContinuation) {
  type(kRun + "sh -c 'echo $$ > " + directory_.path("pid") + "; exec sleep 600'");
  const pid_t pid = pid_in(directory_.path("pid"));
  const auto state = [pid](char wanted) {
    return before_long([&] {
      const auto text = contained::test::content("/proc/" + std::to_string(pid) + "/stat");
      const auto at = text.rfind(") ");
      return at != std::string::npos && text[at + 2] == wanted;
    });
  };
  ASSERT_TRUE(state('S'));
  key("C-z");
  EXPECT_TRUE(shows("Stopped")) << screen();
  EXPECT_TRUE(state('T'));
  type("fg");
  EXPECT_TRUE(state('S'));
  key("C-c");
  EXPECT_TRUE(contained::test::dies(pid));
}

TEST_F(Terminal, AnInteractiveShellInside) {
  type(kRun + "bash --norc -i");
  type("echo inside-$((40 + 2)); tty | grep -c pts");
  EXPECT_TRUE(shows("inside-42\n1")) << screen();
  type("exit 9");
  type("echo status-$?");
  EXPECT_TRUE(shows("status-9")) << screen();
}

TEST_F(Terminal, WithADelayControlCKillsWhatIgnoresIt) {
  type(kRun + "-k 50 sh -c 'trap \"\" INT TERM; echo $$ > " + directory_.path("pid") +
       "; while :; do sleep 0.05; done'");
  const pid_t pid = pid_in(directory_.path("pid"));
  key("C-c");
  EXPECT_TRUE(contained::test::dies(pid));
  type("echo status-$?");
  EXPECT_TRUE(shows("status-137")) << screen();
}

TEST_F(Terminal, ThePipelineOfAShell) {
  type("seq 1 1000 | " + kRun + "cat | tail -n 1; echo status-$?");
  EXPECT_TRUE(shows("1000\nstatus-0")) << screen();
}

}  // namespace
