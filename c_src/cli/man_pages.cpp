// Man pages, in the macros of man(7).
#include <algorithm>

#include "cli/generate.hpp"
#include "cli/help.hpp"

namespace contained::cli {
namespace {

std::string roff(const std::string& text) {
  std::string escaped;
  bool line_start = true;
  for (const char letter : text) {
    if (line_start && (letter == '.' || letter == '\'')) escaped += "\\&";
    if (letter == '\\') {
      escaped += "\\e";
    } else if (letter == '-') {
      escaped += "\\-";
    } else {
      escaped += letter;
    }
    line_start = letter == '\n';
  }
  return escaped;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return text;
}

std::string page_name(const Leaf& leaf) {
  auto name = "contained" + leaf.path;
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string entry_of(const CLI::Option& option) {
  std::string names;
  for (const auto& name : option_names(option)) {
    names += (names.empty() ? "" : ", ") + ("\\fB" + roff(name) + "\\fR");
  }
  const auto value = value_name(option);
  if (!value.empty()) names += " \\fI" + roff(value) + "\\fR";
  return ".TP\n" + names + "\n" + roff(option.get_description()) + "\n";
}

// By group, in the order in which they were added.
std::string options_of(const CLI::App& app) {
  std::string text;
  for (const auto& group : app.get_groups()) {
    std::string entries;
    for (const auto* const option : shown_options(app)) {
      if (option->get_group() == group) entries += entry_of(*option);
    }
    if (!entries.empty()) text += ".SS " + roff(group) + "\n" + entries;
  }
  return text;
}

std::string subcommands_of(const CLI::App& app) {
  std::string text;
  for (const auto* const below : shown_subcommands(app)) {
    text +=
        ".TP\n\\fB" + roff(below->get_name()) + "\\fR\n" + roff(below->get_description()) + "\n";
  }
  return text;
}

std::string page_of(const Leaf& leaf) {
  const auto& app = *leaf.app;
  const auto name = page_name(leaf);
  std::string text =
      ".TH " + upper(name) + " 1 \"\" \"contained " CONTAINED_VERSION "\" \"Contained\"\n";
  text += ".SH NAME\n" + roff(name + " - " + app.get_description()) + "\n";
  text += ".SH SYNOPSIS\n\\fBcontained" + roff(leaf.path) + "\\fR " + roff(operands_of(app)) + "\n";
  const auto below = subcommands_of(app);
  if (!below.empty()) text += ".SH SUBCOMMANDS\n" + below;
  text += ".SH OPTIONS\n" + options_of(app);
  if (!app.get_footer().empty()) text += ".SH NOTES\n.nf\n" + roff(app.get_footer()) + "\n.fi\n";
  if (!leaf.path.empty()) text += ".SH SEE ALSO\n.BR contained (1)\n";
  return text;
}

}  // namespace

std::vector<GeneratedFile> man_pages(const CLI::App& app) {
  std::vector<GeneratedFile> files;
  for (const auto& leaf : leaves_of(app)) files.emplace_back(page_name(leaf) + ".1", page_of(leaf));
  return files;
}

}  // namespace contained::cli
