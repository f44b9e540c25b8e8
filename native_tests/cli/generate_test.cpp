// Man pages and completions are made of the options that there are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "cli/seccomp_default.hpp"
#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"
#include "support/tmux.hpp"

namespace {

using contained::test::Came;
using contained::test::content;
using contained::test::run_program;
using contained::test::TempDir;
using contained::test::Tmux;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

Came contained_with(Words words) {
  return run_program(::contained::test::contained(std::move(words)));
}

bool has_program(const std::string& name) {
  return run_program({.words = {"/bin/sh", "-c", "command -v " + name}}).code() == 0;
}

TEST(Generate, AManPageForEachSubcommand) {
  const TempDir directory;
  ASSERT_EQ(contained_with({"generate", "man", directory.path()}).code(), 0);
  const auto page = content(directory.path("contained-run.1"));
  EXPECT_THAT(page, HasSubstr(".TH CONTAINED-RUN 1"));
  EXPECT_THAT(page, HasSubstr("\\fB\\-\\-memory\\fR \\fIBYTES\\fR"));
  EXPECT_THAT(content(directory.path("contained-cgroup-stats.1")), HasSubstr("\\-\\-json"));
  EXPECT_THAT(content(directory.path("contained.1")), Not(HasSubstr("generate")));
}

// All of them, without a word of warning.
TEST(Generate, ManReadsThem) {
  if (!has_program("man") || !has_program("groff")) GTEST_SKIP() << "needs man and groff";
  const TempDir directory;
  ASSERT_EQ(contained_with({"generate", "man", directory.path()}).code(), 0);
  const auto came =
      run_program({.words = {"/bin/sh", "-c",
                             "for page in *.1; do groff -man -ww -z -Tascii $page 2>&1; done; "
                             "MANPAGER=cat man --warnings -l ./contained-run.1"},
                   .env = {{"LC_ALL", "C.UTF-8"}},
                   .directory = directory.path()});
  EXPECT_THAT(came.out, testing::StartsWith("CONTAINED-RUN(1)"));
  EXPECT_THAT(came.out, HasSubstr("Memory at most; beyond it the kernel kills"));
  EXPECT_EQ(came.err, "");
}

// The words that bash would offer after |words|.
std::string offered(const TempDir& directory, const std::string& words, int count) {
  const auto script = ". " + directory.path("contained") + "; COMP_WORDS=(" + words +
                      "); COMP_CWORD=" + std::to_string(count) +
                      "; _contained; printf '%s\\n' \"${COMPREPLY[@]}\"";
  const auto came = run_program({.words = {"/bin/bash", "-c", script}});
  EXPECT_EQ(came.err, "");
  return came.out;
}

TEST(Generate, BashCompletes) {
  if (!has_program("bash")) GTEST_SKIP() << "needs bash";
  const TempDir directory;
  ASSERT_EQ(contained_with({"generate", "bash", directory.path()}).code(), 0);
  EXPECT_EQ(offered(directory, "contained ru", 1), "run\n");
  EXPECT_EQ(offered(directory, "contained run --memory-h", 2), "--memory-high\n");
  EXPECT_EQ(offered(directory, "contained cgroup fr", 2), "freeze\n");
  EXPECT_EQ(offered(directory, "contained cgroup stats --j", 3), "--json\n");
  EXPECT_THAT(offered(directory, "contained run ls", 2), HasSubstr("ls\n"));
}

// Tab at a prompt of the real shell.
TEST(Generate, BashCompletesAtAPrompt) {
  if (!has_program("bash") || !has_program("tmux")) GTEST_SKIP() << "needs bash and tmux";
  const TempDir directory;
  ASSERT_EQ(contained_with({"generate", "bash", directory.path()}).code(), 0);
  const Tmux terminal;
  ASSERT_EQ(terminal.open(100, 20, "exec env PS1='$ ' bash --norc -i"), "");
  terminal.type(". " + directory.path("contained") + "; alias contained=echo");
  terminal.write("contained superv");
  terminal.key("Tab");
  EXPECT_TRUE(terminal.shows("contained supervise")) << terminal.screen();
  terminal.write("--max-resp");
  terminal.key("Tab");
  EXPECT_TRUE(terminal.shows("supervise --max-respawns")) << terminal.screen();
  terminal.key("Enter");
  EXPECT_TRUE(terminal.shows("\nsupervise --max-respawns")) << terminal.screen();
}

// Tried by the shell itself where it is there; `zsh -n` and `fish -n` read without running.
TEST(Generate, ZshReadsIt) {
  if (!has_program("zsh")) GTEST_SKIP() << "needs zsh";
  const TempDir directory;
  ASSERT_EQ(contained_with({"generate", "zsh", directory.path()}).code(), 0);
  const auto came = run_program(
      {.words = {"/bin/sh", "-c",
                 "zsh -n _contained && zsh -fc 'fpath=(. $fpath); autoload -U compinit; "
                 "compinit -u -D; print $_comps[contained]'"},
       .env = {{"HOME", directory.path()}},
       .directory = directory.path()});
  EXPECT_EQ(came.out, "_contained\n") << came.err;
}

TEST(Generate, FishOffersThem) {
  if (!has_program("fish")) GTEST_SKIP() << "needs fish";
  const TempDir directory;
  ASSERT_EQ(contained_with({"generate", "fish", directory.path()}).code(), 0);
  const auto came = run_program({.words = {"/bin/sh", "-c",
                                           "fish -N -c 'source contained.fish; complete -C "
                                           "\"contained run --memory-h\"'"},
                                 .env = {{"HOME", directory.path()}},
                                 .directory = directory.path()});
  EXPECT_THAT(came.out, testing::StartsWith("--memory-high")) << came.err;
}

TEST(Generate, ZshAndFishKnowTheOptions) {
  EXPECT_THAT(contained_with({"generate", "zsh"}).out, HasSubstr("'--memory:Memory at most"));
  EXPECT_THAT(contained_with({"generate", "fish"}).out,
              HasSubstr("__fish_seen_subcommand_from run' -l memory -r"));
  EXPECT_EQ(contained_with({"generate", "csh"}).code(), 2);
}

// The list stands in Elixir as well, which documents it.
TEST(SeccompDefault, IsThatOfTheLibrary) {
  const auto text = content(CONTAINED_SOURCE_DIR "/lib/contained/seccomp.ex");
  const auto groups = text.substr(0, text.find("@namespaces"));
  std::set<std::string> theirs;
  for (auto at = groups.find("~w("); at != std::string::npos; at = groups.find("~w(", at)) {
    at += 3;
    std::istringstream names(groups.substr(at, groups.find(')', at) - at));
    for (std::string name; names >> name;) theirs.insert(name);
  }
  std::set<std::string> ours;
  for (const auto& rule : contained::cli::default_seccomp().rules) {
    if (rule.conditions.empty() && rule.call != "clone3") ours.insert(rule.call);
  }
  EXPECT_GT(ours.size(), 50U);
  EXPECT_EQ(ours, theirs);
}

}  // namespace
