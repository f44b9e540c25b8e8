#include "cli/completion_tables.hpp"

#include <string_view>

#include "cli/help.hpp"

namespace contained::cli {
namespace {

struct TypeKind {
  std::string_view type;  ///< as --help has it, up to a bracket or colon
  const char* kind;
};
constexpr TypeKind kTypeKinds[] = {{"FILE", "FILE"},     {"PATH", "FILE"}, {"SOURCE", "FILE"},
                                   {"DIR", "DIRECTORY"}, {"USER", "USER"}, {"GROUP", "GROUP"}};

std::string kind_of_word(std::string_view word) {
  for (const auto& known : kTypeKinds) {
    if (word.substr(0, word.find_first_of("[:")) == known.type) return known.kind;
  }
  return "ANY";
}

bool is_value(std::string_view word) {
  return word.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
}

// "all|leader" are values, "host|none|PATH" values and files.
std::string kind_of_type(const std::string& type) {
  if (type.find('|') == std::string::npos) return kind_of_word(type);
  std::string kinds;
  for (std::size_t begin = 0; begin <= type.size();) {
    const auto end = std::min(type.find('|', begin), type.size());
    const auto word = type.substr(begin, end - begin);
    kinds += (kinds.empty() ? "" : " ") + (is_value(word) ? word : kind_of_word(word));
    begin = end + 1;
  }
  return kinds;
}

}  // namespace

std::string in_quotes(const std::string& text) {
  std::string result = "'";
  for (const char letter : text)
    result += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return result + "'";
}

void each_option(const Leaf& leaf, const WordTaker& take) {
  for (const auto* const option : shown_options(*leaf.app)) {
    for (const auto& name : option_names(*option)) take(name, option->get_description());
  }
}

void each_below(const Leaf& leaf, const WordTaker& take) {
  for (const auto* const below : shown_subcommands(*leaf.app))
    take(below->get_name(), below->get_description());
}

// A control group is a directory, too.
std::vector<std::string> operand_kinds(const CLI::App& app) {
  std::vector<std::string> kinds;
  for (const auto* const option : app.get_options()) {
    if (!option->get_positional()) continue;
    const auto type = value_name(*option);
    const auto kind = kind_of_type(type.empty() || type == "TEXT" ? option->get_name(true) : type);
    kinds.push_back(kind == "GROUP" ? "DIRECTORY" : kind);
  }
  return kinds;
}

std::map<std::string, std::vector<std::string>> options_by_kind(const CLI::App& app) {
  std::map<std::string, std::vector<std::string>> found;
  for (const auto& leaf : leaves_of(app)) {
    for (const auto* const option : shown_options(*leaf.app)) {
      const auto type = value_name(*option);
      if (type.empty()) continue;
      for (const auto& name : option_names(*option))
        found[kind_of_type(type)].push_back(leaf.path + " " + name);
    }
  }
  return found;
}

std::vector<Steps> steps_of(const CLI::App& app) {
  std::vector<Steps> steps;
  for (const auto& leaf : leaves_of(app)) {
    if (leaf.path.empty()) continue;
    Steps step{{leaf.path}, leaf.path};
    const auto above = leaf.path.substr(0, leaf.path.rfind(' ') + 1);
    for (const auto& alias : leaf.app->get_aliases()) step.words.push_back(above + alias);
    steps.push_back(step);
  }
  return steps;
}

}  // namespace contained::cli
