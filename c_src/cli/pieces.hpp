// Pieces: an environment as it comes together, empty at first; what comes later holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace contained::cli {

/// What was wrong: "FILE:7", "a line has no '='".
struct Mistake {
  std::string where;
  std::string why;
};

class Pieces {
 public:
  /// |variables| is a null-terminated "NAME=value" array.
  void inherit_all(const char* const* variables);

  /// The one of that name exactly, if there is one.
  void inherit(const char* const* variables, std::string_view name);

  /// "NAME=value" sets, "NAME" removes. False without a name.
  bool change(std::string_view word);

  /// A file for each variable, named like it: its first line without blanks at its end is the
  /// value; an empty one removes it. Only regular files whose names do not begin with a dot.
  std::optional<Mistake> add_directory(const std::string& path);

  /// Lines NAME=value, without blanks around them; "NAME=" removes. Empty lines and those that
  /// begin with # are none. Nothing is expanded.
  std::optional<Mistake> add_file(const std::string& path);

  std::vector<std::string> strings() const;

 private:
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  void set_or_remove(std::string_view name, std::string_view value);
  std::optional<Mistake> add_file_of_directory(int directory, const std::string& path,
                                               const std::string& name);
  std::optional<Mistake> add_line(std::string_view line, const std::string& where);

  std::vector<std::pair<std::string, std::string>> variables_;
};

}  // namespace contained::cli
