#include "cli/help.hpp"

#include <algorithm>

namespace contained::cli {

std::string value_name(const CLI::Option& option) {
  return option.get_items_expected_max() == 0 ? std::string() : option.get_type_name();
}

std::vector<const CLI::App*> shown_subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* below) { return !below->get_group().empty(); });
}

std::string allowed_subcommands(const CLI::App& app) {
  std::string text = "must be one of";
  for (const auto* const command : shown_subcommands(app)) text += " " + command->get_name();
  return text;
}

std::string operands_of(const CLI::App& app) {
  std::string text = "[OPTIONS]";
  for (const auto* const option : app.get_options()) {
    if (!option->get_positional()) continue;
    const auto value = option->get_type_name();
    text += " " + (value.empty() ? option->get_name(true) : value);
    if (option->get_items_expected_max() > 1) text += "...";
  }
  if (!shown_subcommands(app).empty()) text += " SUBCOMMAND";
  if (app.get_prefix_command()) text += " [--] COMMAND [ARGS...]";
  return text;
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  return "\nUsage: " + (name.empty() ? app->get_name() : name) + " " + operands_of(*app) + "\n";
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  const auto value = value_name(*option);
  return value.empty() ? value : " " + value;
}

}  // namespace contained::cli
