#include "cli/mentioned.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace contained::cli {
namespace {

std::optional<Words>& mentioned() {
  static std::optional<Words> words;
  return words;
}

// "-vk500": letters of several options together.
bool has_letter(const std::string& word, char letter) {
  return word.size() > 1 && word[0] == '-' && word[1] != '-' &&
         word.find(letter) != std::string::npos;
}

bool names_option(const std::string& word, std::string_view name) {
  if (name.size() == 2) return has_letter(word, name[1]);
  return word.starts_with(name) && (word.size() == name.size() || word[name.size()] == '=');
}

bool wants_all(const std::string& word) {
  return has_letter(word, 'h') || names_option(word, "--help") || names_option(word, "--config");
}

}  // namespace

void remember_mentioned(const Words& words) {
  const bool all = std::any_of(words.begin(), words.end(), wants_all) ||
                   std::getenv("CONTAINED_OPTIONS") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  if (!all) mentioned() = words;
}

bool is_mentioned(std::string_view names) {
  if (!mentioned()) return true;
  while (!names.empty()) {
    const auto name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    const auto is = [name](const std::string& word) { return names_option(word, name); };
    if (std::any_of(mentioned()->begin(), mentioned()->end(), is)) return true;
  }
  return false;
}

}  // namespace contained::cli
