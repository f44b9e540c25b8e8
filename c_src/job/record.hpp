// Record: the text of a job's files. A line is a key, a space and a value; in the value `\\` is a
// backslash and `\n` a newline. A key that comes again makes a list. Unknown keys are kept, so that
// an older program reads what a newer one has written.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace contained::job {

/// A value as it stands in a line, and back: EINVAL for any other backslash.
std::string escape(std::string_view value);
Result<std::string> unescape(std::string_view text);

class Record {
 public:
  /// EINVAL: a line without a key, without its end, or with an unknown escape.
  static Result<Record> parse(std::string_view text);

  std::string text() const;

  void add(std::string key, std::string_view value) { lines_.emplace_back(std::move(key), value); }
  void add(std::string key, std::integral auto number) {
    add(std::move(key), std::string_view(std::to_string(number)));
  }

  /// The first of that key; empty when there is none.
  std::string get(std::string_view key) const;
  std::vector<std::string> all(std::string_view key) const;

  /// The same as a number; nothing when it is none.
  template <std::integral Number>
  std::optional<Number> number(std::string_view key) const {
    const auto text = get(key);
    Number value{};
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
    return value;
  }
  template <std::integral Number>
  Number number_or_zero(std::string_view key) const {
    return number<Number>(key).value_or(Number{});
  }

  const std::vector<std::pair<std::string, std::string>>& lines() const { return lines_; }

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

/// Writes |record| into |name| beside |dirfd|'s other files, 0600: whoever reads it meets the old
/// one or the new one, whole.
Status write_record(int dirfd, const std::string& name, const Record& record, mode_t mode = 0600);

/// Whether |file| is what a write_record() of |name| that was killed has left.
bool is_draft(std::string_view file, std::string_view name);

/// ENOENT; ELOOP for a symbolic link; EPERM for what is neither ours nor root's, or writable by
/// others; EINVAL for what is no record.
Result<Record> read_record(int dirfd, const std::string& name);

}  // namespace contained::job
