// What bash, zsh and fish offer after words of contained(1): asked in the shells themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/program.hpp"
#include "support/temp_dir.hpp"
#include "support/tmux.hpp"

namespace {

using contained::test::run_program;
using contained::test::TempDir;
using contained::test::Tmux;
using testing::ElementsAre;
using testing::IsEmpty;
using Words = std::vector<std::string>;
namespace fs = std::filesystem;

bool has(const std::string& what) {
  return run_program({.words = {"/bin/sh", "-c", what}}).code() == 0;
}

// A directory with completions, a program that no other is named like, a file and a folder.
class Completions : public testing::Test {
 protected:
  Completions() {
    fs::create_directory(directory_.path("folder"));
    fs::create_directory(directory_.path("bin"));
    write("file.conf", "");
    write("bin/qqq-program", "#!/bin/sh\n");
    fs::permissions(directory_.path("bin/qqq-program"), fs::perms::owner_all);
    fs::create_symlink(CONTAINED_CLI_PATH, directory_.path("bin/contained"));
    for (const char* const shell : {"bash", "zsh", "fish"}) {
      const auto came =
          run_program(contained::test::contained({"generate", shell, directory_.path()}));
      EXPECT_EQ(came.code(), 0) << came.err;
    }
  }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_.path(name)) << text;
  }

  std::string path() const {
    return directory_.path("bin") + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
  }

  // Lines that |words| print.
  Words lines_of(Words words) const {
    const auto came =
        run_program({.words = std::move(words),
                     .env = {{"HOME", directory_.path()}, {"PATH", path()}, {"LC_ALL", "C.UTF-8"}},
                     .directory = directory_.path()});
    EXPECT_EQ(came.err, "");
    Words lines;
    std::istringstream text(came.out);
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  TempDir directory_;
};

// A line, and what its last word becomes.
struct Case {
  const char* typed;
  const char* word;
};
constexpr Case kCases[] = {
    {"contained superv", "supervise"},
    {"contained cgroup fr", "freeze"},
    {"contained job builds sto", "stop"},
    {"contained cgroup stats --j", "--json"},
    {"contained run --memory-h", "--memory-high"},
    // By another name of a subcommand, and after a namespace that has the name of one.
    {"contained job builds start --on-e", "--on-exit"},
    {"contained job run ru", "run"},
    // Values
    {"contained run --linger k", "kill"},
    {"contained run --linger=k", "--linger=kill"},
    {"contained log --sync n", "none"},
    {"contained run --name run --uid roo", "root"},
    {"contained supervise -C fil", "file.conf"},
    {"contained run -C fol", "folder/"},
    {"contained cgroup stats fol", "folder/"},
    {"contained run --env A=B:C --linger w", "wait"},
    // The command
    {"contained run --memory 5M -- qqq-", "qqq-program"},
    {"contained run --memory 5M qqq-", "qqq-program"},
    {"contained job builds run nightly qqq-", "qqq-program"},
    {"contained supervise -n -- qqq-program x -- qqq-", "qqq-program"},
    {"contained run -- qqq-program fil", "file.conf"},
};

std::string last_word(const std::string& line) { return line.substr(line.rfind(' ') + 1); }

// The words between which bash cuts a line, as readline(3) does by COMP_WORDBREAKS.
constexpr const char* kBashOffers =
    ". ./contained\n"
    "COMP_LINE=$1 COMP_POINT=${#1}\n"
    "read -ra COMP_WORDS <<<\"$(sed 's/[=:]/ & /g' <<<\"$1\")\"\n"
    "[[ $1 != *' ' ]] || COMP_WORDS+=('')\n"
    "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
    "_contained\n"
    "for each in \"${COMPREPLY[@]}\"; do [[ ! -d $each ]] || each+=/; echo \"$each\"; done\n";

TEST_F(Completions, OfBash) {
  if (!has("command -v bash")) GTEST_SKIP() << "needs bash";
  const auto offered = [this](const std::string& line) {
    return lines_of({"/bin/bash", "-c", kBashOffers, "bash", line});
  };
  for (const auto& [typed, word] : kCases) {
    const std::string all(word);
    EXPECT_THAT(offered(typed), ElementsAre(all.substr(all.find('=') + 1))) << typed;
  }
  EXPECT_THAT(offered("contained run --linger "), ElementsAre("kill", "wait"));
  EXPECT_THAT(offered("contained run --memory "), IsEmpty());
  EXPECT_THAT(offered("contained run -- --memory-h"), IsEmpty());
}

// Tab at a prompt.
void completes(const Tmux& terminal, const std::string& typed, const std::string& word) {
  terminal.write(typed);
  terminal.key("Tab");
  const auto line = typed.substr(0, typed.size() - last_word(typed).size()) + word;
  EXPECT_TRUE(terminal.shows("ready> " + line)) << typed << "\n" << terminal.screen();
  terminal.key("C-u");
}

// bash-completion knows what the command wants.
TEST_F(Completions, OfBashAtAPrompt) {
  if (!has("command -v bash && command -v tmux")) GTEST_SKIP() << "needs bash and tmux";
  const std::string library = "/usr/share/bash-completion/bash_completion";
  if (!fs::exists(library)) GTEST_SKIP() << "needs bash-completion";
  write("rc", "PATH=" + path() + "\n. " + library + "\n. ./contained\nPS1='ready> '\n");
  const Tmux terminal;
  ASSERT_EQ(terminal.open(100, 20, "cd " + directory_.path() + "; exec bash --rcfile ./rc -i"), "");
  ASSERT_TRUE(terminal.shows("ready>"));
  completes(terminal, "contained superv", "supervise");
  completes(terminal, "contained run --linger=k", "--linger=kill");
  completes(terminal, "contained run -C fol", "folder/");
  completes(terminal, "contained run qqq-", "qqq-program");
  completes(terminal, "contained run --uid 0:0 -- contained job b sto", "stop");
}

TEST_F(Completions, OfFish) {
  if (!has("command -v fish")) GTEST_SKIP() << "needs fish";
  const auto offered = [this](const std::string& line) {
    return lines_of({"/bin/sh", "-c",
                     "fish -N -c 'source contained.fish; complete -C $argv[1]' \"$1\" | cut -f 1",
                     "sh", line});
  };
  for (const auto& [typed, word] : kCases) EXPECT_THAT(offered(typed), ElementsAre(word)) << typed;
  EXPECT_THAT(offered("contained run --linger "), ElementsAre("kill", "wait"));
  EXPECT_THAT(offered("contained run --memory "), IsEmpty());
  EXPECT_THAT(offered("contained run -- --memory-h"), IsEmpty());
  EXPECT_THAT(offered("contained run -- contained job builds sto"), ElementsAre("stop"));
}

TEST_F(Completions, OfZshAtAPrompt) {
  if (!has("command -v zsh && command -v tmux")) GTEST_SKIP() << "needs zsh and tmux";
  write(".zshrc", "PATH=" + path() +
                      "; fpath=($PWD $fpath); autoload -Uz compinit; compinit -D -u; bindkey -e; "
                      "PS1='ready> '\n");
  const Tmux terminal;
  ASSERT_EQ(terminal.open(100, 20,
                          "cd " + directory_.path() + "; export HOME=.; ZDOTDIR=. exec zsh -d -i"),
            "");
  ASSERT_TRUE(terminal.shows("ready>"));
  for (const auto& [typed, word] : kCases) completes(terminal, typed, word);
  completes(terminal, "contained run -- contained job builds sto", "stop");
  terminal.write("contained run --linger ");
  terminal.key("Tab");
  EXPECT_TRUE(terminal.shows("\nkill  wait")) << terminal.screen();
}

}  // namespace
