// What completions of all shells know of a command line.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/generate.hpp"

namespace contained::cli {

/// Within '...' of bash, zsh and fish, quotes and all.
std::string in_quotes(const std::string& text);

using WordTaker = std::function<void(const std::string& word, const std::string& description)>;

/// Names of the options, "--memory" and "-p", and of the subcommands.
void each_option(const Leaf& leaf, const WordTaker& take);
void each_below(const Leaf& leaf, const WordTaker& take);

/// What a value may be, as words: FILE, DIRECTORY, USER, GROUP, ANY (nobody knows), or the values
/// themselves, "kill wait". Of each positional, in their order:
std::vector<std::string> operand_kinds(const CLI::App& app);

/// The same of options that have a value: " run --config", " run --root", ... by kind.
std::map<std::string, std::vector<std::string>> options_by_kind(const CLI::App& app);

/// Words that lead to a subcommand, by its name or another, and its path.
struct Steps {
  std::vector<std::string> words;  ///< " job run", " job start"
  std::string path;
};
std::vector<Steps> steps_of(const CLI::App& app);

}  // namespace contained::cli
