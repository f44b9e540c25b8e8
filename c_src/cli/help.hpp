// How --help looks.
#pragma once

#include <string>

#include "cli/cli11.hpp"

namespace contained::cli {

/// CLI11's, which does not know that a command may follow (prefix_command()).
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
};

/// "[OPTIONS] [--] COMMAND [ARGS...]": what follows the name.
std::string operands_of(const CLI::App& app);

/// "BYTES" of an option's value; empty for a flag.
std::string value_name(const CLI::Option& option);

/// Subcommands that are shown.
std::vector<const CLI::App*> shown_subcommands(const CLI::App& app);

/// "must be one of init run check": what is allowed where a subcommand is to stand.
std::string allowed_subcommands(const CLI::App& app);

}  // namespace contained::cli
