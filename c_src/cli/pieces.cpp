#include "cli/pieces.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/file.hpp"

namespace contained::cli {
namespace {

constexpr std::string_view kBlankLetters = " \t\r\v\f\n";

std::string_view without_end(std::string_view text) {
  const auto last = text.find_last_not_of(kBlankLetters);
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlankLetters);
  return first == std::string_view::npos ? "" : without_end(text.substr(first));
}

bool is_name(std::string_view name) {
  return !name.empty() && name.find_first_of(kBlankLetters) == std::string_view::npos;
}

Mistake mistake_of(const std::string& where, int code) {
  return {where, std::strerror(code)};  // NOLINT(concurrency-mt-unsafe)
}

// Sorted, so that the result does not depend on the file system.
std::optional<Mistake> names_in(const std::string& path, std::set<std::string>& names) {
  std::error_code error;
  const std::filesystem::directory_iterator begin(path, error);
  if (error) return mistake_of(path, error.value());
  for (const auto& entry : begin) {
    const auto status = entry.symlink_status(error);
    const auto name = entry.path().filename().string();
    if (std::filesystem::is_regular_file(status) && !name.starts_with('.')) names.insert(name);
  }
  return std::nullopt;
}

}  // namespace

void Pieces::set(std::string_view name, std::string_view value) {
  remove(name);
  variables_.emplace_back(name, value);
}

void Pieces::remove(std::string_view name) {
  std::erase_if(variables_, [name](const auto& known) { return known.first == name; });
}

void Pieces::set_or_remove(std::string_view name, std::string_view value) {
  value.empty() ? remove(name) : set(name, value);
}

void Pieces::inherit_all(const char* const* variables) {
  for (; *variables != nullptr; ++variables) {
    const std::string_view word(*variables);
    if (word.find('=') != std::string_view::npos) change(word);
  }
}

void Pieces::inherit(const char* const* variables, std::string_view name) {
  for (; *variables != nullptr; ++variables) {
    const std::string_view word(*variables);
    if (word.substr(0, word.find('=')) == name) change(word);
  }
}

bool Pieces::change(std::string_view word) {
  const auto equals = word.find('=');
  if (word.empty() || equals == 0) return false;
  if (equals == std::string_view::npos)
    remove(word);
  else
    set(word.substr(0, equals), word.substr(equals + 1));
  return true;
}

std::optional<Mistake> Pieces::add_directory(const std::string& path) {
  std::set<std::string> names;
  if (auto mistake = names_in(path, names)) return mistake;
  const auto directory = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (!directory) return mistake_of(path, directory.error().code);
  for (const auto& name : names) {
    if (auto mistake = add_file_of_directory(directory->get(), path, name)) return mistake;
  }
  return std::nullopt;
}

std::optional<Mistake> Pieces::add_file_of_directory(int directory, const std::string& path,
                                                     const std::string& name) {
  const auto where = path + "/" + name;
  if (!is_name(name) || name.find('=') != std::string::npos) {
    return Mistake{where, "a variable cannot have this name"};
  }
  const auto text = read_file_at(directory, name);
  if (!text) return mistake_of(where, text.error().code);
  const auto line = without_end(std::string_view(*text).substr(0, text->find('\n')));
  if (line.find('\0') != std::string_view::npos) return Mistake{where, "holds a NUL byte"};
  set_or_remove(name, line);
  return std::nullopt;
}

std::optional<Mistake> Pieces::add_file(const std::string& path) {
  const auto text = read_file_at(AT_FDCWD, path);
  if (!text) return mistake_of(path, text.error().code);
  std::string_view rest = *text;
  for (int number = 1; !rest.empty(); ++number) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (auto mistake = add_line(trimmed(line), fmt::format("{}:{}", path, number))) return mistake;
  }
  return std::nullopt;
}

std::optional<Mistake> Pieces::add_line(std::string_view line, const std::string& where) {
  if (line.empty() || line.front() == '#') return std::nullopt;
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return Mistake{where, "a line has no '='"};
  if (line.find('\0') != std::string_view::npos) return Mistake{where, "holds a NUL byte"};
  const auto name = line.substr(0, equals);
  if (!is_name(name)) return Mistake{where, "a variable cannot have this name"};
  set_or_remove(name, line.substr(equals + 1));
  return std::nullopt;
}

std::vector<std::string> Pieces::strings() const {
  std::vector<std::string> words;
  words.reserve(variables_.size());
  for (const auto& [name, value] : variables_) words.push_back(fmt::format("{}={}", name, value));
  return words;
}

}  // namespace contained::cli
