// The words of a command line, before CLI11 sees them: what comes from elsewhere, and what belongs
// to the command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/cli11.hpp"

namespace contained::cli {

using Words = std::vector<std::string>;

/// Split at blanks; '...' as it is, "..." and \x as in sh(1). EINVAL: a quote is not closed.
Result<Words> split_quoted(std::string_view text);

/// A file of lines `name value`: the long options, without dashes. A flag stands alone. `#` begins
/// a comment, quotes are as above. As words: "--name", "value". Subject of an error: FILE:LINE.
Result<Words> read_config(const std::string& path);

/// What `app` is to parse, and what is for the command. The command begins after the first "--"
/// that is no option's value, or at the first word that is neither an option nor one of its values
/// nor one of the positionals of the subcommand; only of subcommands with prefix_command(), else
/// all is to be parsed.
///
/// Of subcommands with an option --config, its file and the variable CONTAINED_OPTIONS come in
/// front of the options, in this order: what is said last holds.
struct Line {
  Words options;
  Words command;
  CLI::App* taker = nullptr;  ///< the subcommand with the command; no prefix_command() any more
};
Line split_line(CLI::App& app, const Words& words);

/// What main() has found for the command; for the callback of a subcommand.
Words& command_words();

}  // namespace contained::cli
