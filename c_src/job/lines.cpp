#include "job/lines.hpp"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "base/signals.hpp"

namespace contained::job {
namespace {

char unescaped(char c) {
  if (c == 's') return ' ';
  return c == 'n' ? '\n' : c;
}

std::string line_of(const protocol::ProcessRow& row) {
  std::string command = row.command;
  while (!command.empty() && command.back() == '\0') command.pop_back();
  for (char& c : command) {
    if (c == '\0') c = ' ';
  }
  return fmt::format("{} {} {} {} {} {}", row.pid, row.ppid, row.start_time, row.state,
                     escape_word(row.name), escape_word(command));
}

struct AnswerText {
  std::string operator()(std::monostate) const { return ok_answer(); }
  std::string operator()(const protocol::ControlError& error) const {
    return error_answer(error.stage, error.error, error.subject);
  }
  std::string operator()(const std::string& text) const { return ok_answer({escape_word(text)}); }
  std::string operator()(std::uint64_t number) const { return ok_answer({std::to_string(number)}); }
  std::string operator()(const protocol::Counters& counters) const {
    std::vector<std::string> lines;
    lines.reserve(counters.size());
    for (const auto& [key, value] : counters) lines.push_back(fmt::format("{} {}", key, value));
    return ok_answer(lines);
  }
  std::string operator()(const std::vector<protocol::Limit>& limits) const {
    std::vector<std::string> lines;
    lines.reserve(limits.size());
    for (const auto& [key, value] : limits) {
      lines.push_back(fmt::format("{} {}", key, escape_word(value)));
    }
    return ok_answer(lines);
  }
  std::string operator()(const std::vector<protocol::ProcessRow>& rows) const {
    std::vector<std::string> lines;
    lines.reserve(rows.size());
    for (const auto& row : rows) lines.push_back(line_of(row));
    return ok_answer(lines);
  }
  template <class Other>
  std::string operator()(const Other&) const {
    return error_answer("protocol", "einval", {});
  }
};

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

}  // namespace

std::string escape_word(std::string_view word) {
  std::string text;
  for (const char c : word) {
    if (c == '\\') text += "\\\\";
    if (c == ' ') text += "\\s";
    if (c == '\n') text += "\\n";
    if (c != '\\' && c != ' ' && c != '\n') text += c;
  }
  return text;
}

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ' ') {
      words.emplace_back();
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      words.back() += unescaped(line[++i]);
    } else {
      words.back() += line[i];
    }
  }
  return words;
}

std::string join_words(const std::vector<std::string>& words) {
  std::string line;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) line += ' ';
    line += escape_word(words[i]);
  }
  return line;
}

std::string ok_answer() { return "ok\n"; }

std::string ok_answer(const std::vector<std::string>& lines) {
  std::string text = "ok\n";
  for (const auto& line : lines) {
    if (line.starts_with('.')) text += '.';
    text += line;
    text += '\n';
  }
  return text + ".\n";
}

std::string error_answer(std::string_view stage, std::string_view code, std::string_view subject) {
  return fmt::format("error {} {} {}\n", stage, code, escape_word(subject));
}

Error error_of(std::string_view stage, std::string_view code, std::string subject) {
  return {errno_named(code).value_or(EPROTO), stage_named(stage).value_or(Stage::kNone),
          std::move(subject)};
}

Error error_in(std::string_view line) {
  auto words = split_words(line);
  words.resize(std::max<std::size_t>(words.size(), 4));
  if (words[0] != "error") return {EPROTO, Stage::kProtocol, std::string(line)};
  return error_of(words[1], words[2], std::move(words[3]));
}

std::string answer_of(const protocol::Answer& answer) {
  return std::visit(AnswerText{}, answer.what);
}

std::optional<protocol::Ladder> parse_ladder(std::string_view text) {
  protocol::Ladder ladder;
  while (!text.empty()) {
    const auto rung = text.substr(0, text.find(','));
    const auto colon = rung.find(':');
    protocol::Rung read;
    read.signal = signal_named(rung.substr(0, colon)).value_or(0);
    if (read.signal == 0 || colon == rung.npos) return std::nullopt;
    if (!read_number(rung.substr(colon + 1), read.grace_ms)) return std::nullopt;
    ladder.push_back(read);
    text.remove_prefix(std::min(text.size(), rung.size() + 1));
  }
  return ladder;
}

std::string text_of(const protocol::Ladder& ladder) {
  std::string text;
  for (const auto& [signal, grace_ms] : ladder) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", signal, grace_ms);
  }
  return text;
}

}  // namespace contained::job
