#include "sink/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace contained::sink {

std::string_view Stamp::at(const Moment& now) {
  const auto second = std::chrono::floor<std::chrono::seconds>(now.wall);
  const auto micros = std::chrono::floor<std::chrono::microseconds>(now.wall - second).count();
  const auto since_1970 = std::chrono::system_clock::to_time_t(second);
  if (second_ != since_1970) {
    second_ = since_1970;
    std::tm tm = {};
    ::gmtime_r(&since_1970, &tm);
    text_ = fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}", tm.tm_year + 1900, tm.tm_mon + 1,
                        tm.tm_mday, in_seconds_ ? '/' : 'T', tm.tm_hour, tm.tm_min, tm.tm_sec,
                        in_seconds_ ? "" : ".000000Z");
  }
  if (in_seconds_) return text_;
  fmt::format_to(text_.end() - 7, "{:06}", micros);
  return text_;
}

Format::Format(FormatOptions options) : options_(std::move(options)), stamp_(options_.in_seconds) {}

bool Format::is_plain() const {
  return !options_.timestamp && options_.prefix.empty() && !options_.skip_empty;
}

std::string_view Format::apply(std::string_view text, const Moment& now) {
  if (is_plain()) return text;
  mark_.clear();
  if (options_.timestamp) mark_.append(stamp_.at(now)).append(1, ' ');
  mark_ += options_.prefix;
  out_.clear();
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    add_line(text.substr(0, end), mark_);
    text.remove_prefix(end);
  }
  return out_;
}

// A line, or the piece of one that is there.
void Format::add_line(std::string_view line, std::string_view mark) {
  if (at_line_start_ && options_.skip_empty && line == "\n") return;
  if (at_line_start_) out_ += mark;
  out_ += line;
  at_line_start_ = line.back() == '\n';
}

}  // namespace contained::sink
