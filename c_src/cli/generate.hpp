// `contained generate`: man pages and completions of shells, from the options themselves.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/cli11.hpp"

namespace contained::cli {

/// A file name and its text.
using GeneratedFile = std::pair<std::string, std::string>;

std::vector<GeneratedFile> man_pages(const CLI::App& app);
std::vector<GeneratedFile> bash_completion(const CLI::App& app);
std::vector<GeneratedFile> zsh_completion(const CLI::App& app);
std::vector<GeneratedFile> fish_completion(const CLI::App& app);

/// A subcommand with the words that lead to it: " cgroup stats".
struct Leaf {
  std::string path;
  const CLI::App* app;
};

/// The program and all subcommands that are shown, parents first.
std::vector<Leaf> leaves_of(const CLI::App& app);

/// "--memory", "-p": as they are typed.
std::vector<std::string> option_names(const CLI::Option& option);

/// All options but positionals.
std::vector<const CLI::Option*> shown_options(const CLI::App& app);

/// Hidden. REQUIRES: all other subcommands are in |app|.
void add_generate(CLI::App& app, int& exit_code);

}  // namespace contained::cli
