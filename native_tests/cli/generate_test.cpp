// Man pages and completions are made of the options that there are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "cli/seccomp_default.hpp"
#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace {

using contained::test::Came;
using contained::test::content;
using contained::test::run_program;
using contained::test::TempDir;
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

TEST(Generate, KnowsWhatItGenerates) { EXPECT_EQ(contained_with({"generate", "csh"}).code(), 2); }

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
