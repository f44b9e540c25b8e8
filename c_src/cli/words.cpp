#include "cli/words.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <utility>

#include "base/file.hpp"
#include "cli/report.hpp"

namespace contained::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

// One word from the front of |text|; false when a quote is not closed.
bool take_word(std::string_view& text, std::string& word) {
  char quote = 0;
  while (!text.empty()) {
    const char letter = text.front();
    if (quote == 0 && kBlanks.find(letter) != std::string_view::npos) break;
    text.remove_prefix(1);
    if (letter == quote) {
      quote = 0;
    } else if (quote == 0 && (letter == '"' || letter == '\'')) {
      quote = letter;
    } else if (letter == '\\' && quote != '\'' && !text.empty()) {
      word += text.front();
      text.remove_prefix(1);
    } else {
      word += letter;
    }
  }
  return quote == 0;
}

// ---- Which words are whose

const CLI::Option* option_of(const CLI::App& app, const std::string& name) {
  return app.get_option_no_throw(name);
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// Walks over the words of one command line, as far as they are not the command's.
class Walk {
 public:
  Walk(CLI::App& app, const Words& words) : app_(&app), words_(words) {}

  void run() {
    while (at_ < words_.size() && step(words_[at_])) {
    }
  }

  CLI::App& app() const { return *app_; }
  std::size_t begin() const { return begin_; }  ///< of the words of the last subcommand
  std::size_t end() const { return at_; }       ///< where the command begins
  const std::optional<std::string>& config() const { return config_; }

 private:
  bool step(const std::string& word) {
    if (word == "--") return false;
    if (word.size() > 1 && word.front() == '-') return option(word);
    if (positionals_left() > 0) return ++at_, ++positionals_, true;
    const auto below =
        app_->get_subcommands([&word](const CLI::App* known) { return known->check_name(word); });
    if (below.empty()) return false;
    app_ = below.front();
    positionals_ = 0;
    begin_ = ++at_;
    return true;
  }

  bool option(const std::string& word) {
    ++at_;
    word[1] == '-' ? long_option(word) : short_options(word);
    return true;
  }

  void long_option(const std::string& word) {
    const auto equals = word.find('=');
    const auto* const found = option_of(*app_, word.substr(0, equals));
    if (found == nullptr || !takes_value(*found)) return;
    equals == std::string::npos ? next_is_value(*found) : value(*found, word.substr(equals + 1));
  }

  // "-vk500", "-k 500"
  void short_options(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const auto* const found = option_of(*app_, std::string("-") + word[i]);
      if (found == nullptr) return;
      if (!takes_value(*found)) continue;
      return i + 1 == word.size() ? next_is_value(*found) : value(*found, word.substr(i + 1));
    }
  }

  void next_is_value(const CLI::Option& option) {
    if (at_ < words_.size()) value(option, words_[at_++]);
  }

  void value(const CLI::Option& option, const std::string& text) {
    if (option.check_lname("config")) config_ = text;
  }

  std::size_t positionals_left() const {
    std::size_t count = 0;
    for (const auto* const known : app_->get_options()) {
      if (known->get_positional())
        count += static_cast<std::size_t>(known->get_items_expected_max());
    }
    return count - std::min(count, positionals_);
  }

  CLI::App* app_;
  const Words& words_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;
  std::size_t positionals_ = 0;
  std::optional<std::string> config_;
};

std::string said(const Error& error) {
  if (error.code == EINVAL) return error.subject + ": an option without its dashes, and its value";
  return describe(error);
}

void append(Words& words, Words more) {
  words.insert(words.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

// Options from elsewhere, the ones said first first.
Words from_elsewhere(const std::optional<std::string>& config) {
  Words words;
  if (config) {
    auto read = read_config(*config);
    if (!read) throw CLI::ValidationError("--config", said(read.error()));
    append(words, std::move(*read));
  }
  const char* const variable = std::getenv("CONTAINED_OPTIONS");  // NOLINT(concurrency-mt-unsafe)
  if (variable == nullptr) return words;
  auto split = split_quoted(variable);
  if (!split) throw CLI::ValidationError("CONTAINED_OPTIONS", "a quote is not closed");
  append(words, std::move(*split));
  return words;
}

Result<Words> words_of_line(std::string_view line, const std::string& place) {
  auto words = split_quoted(line);
  if (!words || words->empty()) return words;
  if (words->front().starts_with('#')) return Words{};
  const bool usable = !words->front().starts_with('-') && words->size() <= 2;
  if (!usable) return Error{EINVAL, Stage::kOption, place};
  words->front().insert(0, "--");
  return words;
}

}  // namespace

Result<Words> split_quoted(std::string_view text) {
  Words words;
  for (;;) {
    const auto start = text.find_first_not_of(kBlanks);
    if (start == std::string_view::npos) return words;
    text.remove_prefix(start);
    std::string word;
    if (!take_word(text, word)) return Error{EINVAL, Stage::kOption, {}};
    words.push_back(std::move(word));
  }
}

Result<Words> read_config(const std::string& path) {
  auto text = read_file_at(AT_FDCWD, path);
  if (!text) return text.error();
  Words all;
  std::string_view rest = *text;
  for (int number = 1; !rest.empty(); ++number) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    auto words = words_of_line(line, path + ":" + std::to_string(number));
    if (!words)
      return Error{words.error().code, Stage::kOption, path + ":" + std::to_string(number)};
    append(all, std::move(*words));
  }
  return all;
}

Line split_line(CLI::App& app, const Words& words) {
  Walk walk(app, words);
  walk.run();
  if (!walk.app().get_prefix_command()) return {words, {}, nullptr};
  // No command is left in the options, and CLI11 would take one that it does not know for it.
  walk.app().prefix_command(false);
  const auto at = [&words](std::size_t index) {
    return words.begin() + static_cast<std::ptrdiff_t>(index);
  };
  Line line;
  line.taker = &walk.app();
  line.options.assign(at(0), at(walk.begin()));
  if (option_of(walk.app(), "--config") != nullptr)
    append(line.options, from_elsewhere(walk.config()));
  line.options.insert(line.options.end(), at(walk.begin()), at(walk.end()));
  const bool dashes = walk.end() < words.size() && words[walk.end()] == "--";
  line.command.assign(at(walk.end() + (dashes ? 1 : 0)), words.end());
  return line;
}

Words& command_words() {
  static Words words;
  return words;
}

}  // namespace contained::cli
