// `contained top` at a terminal, with real jobs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/job_cli.hpp"
#include "support/tmux.hpp"

namespace {

using contained::test::Tmux;
using testing::HasSubstr;
using testing::Not;

class TopScreen : public contained::test::JobCli {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/tmux", X_OK) != 0) GTEST_SKIP() << "needs tmux";
    ASSERT_EQ(code({"run", "busy", "sh", "-c", "while :; do :; done"}), 0);
    ASSERT_EQ(code({"run", "idle", "sh", "-c", "sleep 600 & sleep 600 & wait"}), 0);
  }

  void open(const std::string& variables = "") {
    const auto wrong = terminal_.open(
        100, 30,
        "export CONTAINED_RUNTIME_DIR=" + runtime() + " " + variables + "; stty -a > " +
            temp_.path("before") + "; " CONTAINED_CLI_PATH " top " + space_ +
            " -d 100ms; echo status-$?; stty -a > " + temp_.path("after") + "; echo told; cat");
    ASSERT_EQ(wrong, "");
    ASSERT_TRUE(terminal_.shows("2 groups, 4 processes")) << terminal_.screen();
  }

  std::string line(std::size_t number) const {
    std::istringstream lines(terminal_.screen());
    std::string text;
    for (std::size_t now = 0; now <= number; ++now) std::getline(lines, text);
    return text;
  }
  bool becomes(std::size_t number, const std::string& text) const {
    return contained::test::before_long(
        [&] { return line(number).find(text) != std::string::npos; });
  }

  // The shell's screen is back, and the terminal as it was.
  void expect_sane(const std::string& status) {
    EXPECT_TRUE(terminal_.shows(status)) << terminal_.screen();
    EXPECT_TRUE(terminal_.shows("told"));
    EXPECT_THAT(terminal_.screen(), Not(HasSubstr("groups,")));
    EXPECT_EQ(contained::test::content(temp_.path("after")),
              contained::test::content(temp_.path("before")));
  }

  Tmux terminal_;
};

TEST_F(TopScreen, ShowsJobsWithBarsTheBusiestFirst) {
  open();
  EXPECT_TRUE(becomes(2, space_ + "/busy"));
  EXPECT_TRUE(becomes(2, "[|"));
  EXPECT_THAT(line(3), HasSubstr("/idle"));
  EXPECT_THAT(line(3), HasSubstr("sh -c sleep 600"));
  EXPECT_THAT(line(29), HasSubstr("s stop"));
  EXPECT_THAT(terminal_.coloured(), HasSubstr("\x1b[32m"));
}

TEST_F(TopScreen, Sorts) {
  open();
  terminal_.key("p");
  EXPECT_TRUE(becomes(2, space_ + "/idle")) << terminal_.screen();
  terminal_.key("n");
  EXPECT_TRUE(becomes(2, space_ + "/busy")) << terminal_.screen();
  EXPECT_THAT(line(1), testing::StartsWith("NAME"));
}

TEST_F(TopScreen, StopsAJobAfterAYes) {
  open();
  terminal_.key("n");
  EXPECT_TRUE(becomes(2, space_ + "/busy"));
  terminal_.key("Down");
  terminal_.key("s");
  EXPECT_TRUE(terminal_.shows("Stop " + space_ + "/idle? y/n")) << terminal_.screen();
  terminal_.key("y");
  EXPECT_TRUE(terminal_.shows("1 group, 1 process")) << terminal_.screen();
  EXPECT_FALSE(runs("idle"));
  EXPECT_TRUE(runs("busy"));
}

TEST_F(TopScreen, KillsAJobAfterAYesAndNotAfterANo) {
  open();
  terminal_.key("n");
  terminal_.key("k");
  EXPECT_TRUE(terminal_.shows("Kill " + space_ + "/busy? y/n")) << terminal_.screen();
  terminal_.key("n");
  EXPECT_TRUE(terminal_.hides("y/n"));
  EXPECT_TRUE(runs("busy"));
  terminal_.key("k");
  terminal_.key("y");
  EXPECT_TRUE(terminal_.shows("1 group, 3 processes")) << terminal_.screen();
  EXPECT_FALSE(runs("busy"));
}

TEST_F(TopScreen, SurvivesResizes) {
  open();
  terminal_.resize(76, 8);
  EXPECT_TRUE(becomes(7, "c cpu")) << terminal_.screen();
  EXPECT_THAT(line(3), HasSubstr("/idle"));
  terminal_.resize(8, 2);
  terminal_.resize(120, 35);
  EXPECT_TRUE(becomes(34, "q quit")) << terminal_.screen();
}

TEST_F(TopScreen, QLeavesTheTerminalAsItWas) {
  open();
  terminal_.key("q");
  expect_sane("status-0");
}

TEST_F(TopScreen, ControlCLeavesTheTerminalAsItWas) {
  open();
  terminal_.key("C-c");
  expect_sane("status-130");
}

TEST_F(TopScreen, HasNoColoursWithNoColor) {
  open("NO_COLOR=1");
  EXPECT_TRUE(becomes(2, "[|"));
  EXPECT_THAT(terminal_.coloured(), Not(HasSubstr("\x1b[32m")));
  EXPECT_THAT(terminal_.coloured(), Not(HasSubstr("\x1b[31m")));
}

TEST_F(TopScreen, AnUnknownTerminalIsAnError) {
  const auto wrong = terminal_.open(100, 30,
                                    "CONTAINED_RUNTIME_DIR=" + runtime() +
                                        " TERM=no-such " CONTAINED_CLI_PATH " top " + space_ +
                                        "; echo status-$?; cat");
  ASSERT_EQ(wrong, "");
  EXPECT_TRUE(terminal_.shows("status-1")) << terminal_.screen();
  EXPECT_THAT(terminal_.screen(), HasSubstr("contained: top: no-such"));
}

}  // namespace
