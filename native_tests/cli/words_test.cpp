#include "cli/words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.hpp"

namespace {

using namespace contained::cli;
using testing::ElementsAre;
using testing::IsEmpty;

// A program with a subcommand that has a flag, an option, a positional, and a command.
class SplitLine : public testing::Test {
 protected:
  SplitLine() {
    ::unsetenv("CONTAINED_OPTIONS");
    auto* const run = app_.add_subcommand("run");
    run->prefix_command();
    run->add_flag("--loud,-l");
    run->add_option("--number,-n", number_);
    run->add_option("--config", config_);
    auto* const job = app_.add_subcommand("job");
    job->add_option("namespace", namespace_);
    auto* const start = job->add_subcommand("run");
    start->prefix_command();
    start->add_option("name", name_);
  }

  Line split(const Words& words) { return split_line(app_, words); }

  CLI::App app_{"test"};
  std::string number_;
  std::string config_;
  std::string namespace_;
  std::string name_;
};

TEST_F(SplitLine, TheCommandBeginsAtTheFirstWordThatIsNoOption) {
  const auto line = split({"run", "-l", "-n", "5", "sh", "-c", "x", "--", "y"});
  EXPECT_THAT(line.options, ElementsAre("run", "-l", "-n", "5"));
  EXPECT_THAT(line.command, ElementsAre("sh", "-c", "x", "--", "y"));
}

TEST_F(SplitLine, OrAfterTwoDashes) {
  const auto line = split({"run", "-ln5", "--number=6", "--", "--odd", "--", "y"});
  EXPECT_THAT(line.options, ElementsAre("run", "-ln5", "--number=6"));
  EXPECT_THAT(line.command, ElementsAre("--odd", "--", "y"));
}

TEST_F(SplitLine, ACommandMayHaveTheNameOfASubcommand) {
  EXPECT_THAT(split({"run", "run", "job"}).command, ElementsAre("run", "job"));
}

TEST_F(SplitLine, PositionalsComeBeforeTheCommand) {
  const auto line = split({"job", "ns", "run", "name", "sleep", "5"});
  EXPECT_THAT(line.options, ElementsAre("job", "ns", "run", "name"));
  EXPECT_THAT(line.command, ElementsAre("sleep", "5"));
}

TEST_F(SplitLine, WithoutACommandAllIsParsed) {
  EXPECT_THAT(split({"job", "ns", "--", "x"}).options, ElementsAre("job", "ns", "--", "x"));
  EXPECT_THAT(split({"run", "-l"}).command, IsEmpty());
}

TEST_F(SplitLine, TheFileComesBeforeTheVariableBeforeTheLine) {
  const contained::test::TempDir directory;
  const auto file = directory.file("c", "# comment\nnumber 1\n\nloud\nnumber '2 3'\n", 0600);
  ::setenv("CONTAINED_OPTIONS", "--number \"4 5\" -l", 1);
  const auto line = split({"run", "--config", file, "-n", "6", "true"});
  EXPECT_THAT(line.options, ElementsAre("run", "--number", "1", "--loud", "--number", "2 3",
                                        "--number", "4 5", "-l", "--config", file, "-n", "6"));
  ::unsetenv("CONTAINED_OPTIONS");
}

TEST_F(SplitLine, ALineThatIsNotUnderstoodIsNamed) {
  const contained::test::TempDir directory;
  for (const auto* const wrong : {"ok\n--dashes 1\n", "ok\na b c\n", "ok\na 'b\n"}) {
    const auto file = directory.file("c", wrong, 0600);
    const auto words = read_config(file);
    ASSERT_FALSE(words) << wrong;
    EXPECT_EQ(words.error().subject, file + ":2");
  }
  EXPECT_THROW(split({"run", "--config=" + directory.path("none"), "x"}), CLI::ValidationError);
}

TEST(SplitQuoted, AsAShellDoes) {
  EXPECT_THAT(*split_quoted(R"( a 'b c' "d \"e" f\ g "" )"),
              ElementsAre("a", "b c", "d \"e", "f g", ""));
  EXPECT_FALSE(split_quoted("a 'b"));
}

}  // namespace
