// Format: puts a time and a prefix before each line of a stream that comes in pieces.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "sink/moment.hpp"
#include "sink/options.hpp"

namespace contained::sink {

/// "2026-11-21T06:57:41.123456Z", RFC 3339; or "2026-11-21/06:57:41", |in_seconds|.
class Stamp {
 public:
  explicit Stamp(bool in_seconds = false) : in_seconds_(in_seconds) {}

  /// Valid until the next call.
  std::string_view at(const Moment& now);

 private:
  bool in_seconds_;
  std::time_t second_ = -1;
  std::string text_;
};

class Format {
 public:
  explicit Format(FormatOptions options);

  /// |text| as it is to be written; valid until the next call. A line that came in pieces is
  /// marked once, when it begins.
  std::string_view apply(std::string_view text, const Moment& now);

  /// What was there before does not end with a line.
  void continue_line() { at_line_start_ = false; }

 private:
  bool is_plain() const;
  void add_line(std::string_view line, std::string_view mark);

  FormatOptions options_;
  bool at_line_start_ = true;
  Stamp stamp_;
  std::string mark_;
  std::string out_;
};

}  // namespace contained::sink
