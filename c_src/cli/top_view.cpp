#include "cli/top_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/report.hpp"
#include "cli/top_table.hpp"

namespace contained::cli {
namespace {

constexpr int kAbove = 2;  // lines over the rows, and below them
constexpr int kBelow = 1;
constexpr std::string_view kKeys =
    "c cpu  m memory  p processes  n name  arrows choose  s stop  k kill  q quit";

Colour colour_of(Level level) {
  switch (level) {
    case Level::kGreen:
      return Colour::kGreen;
    case Level::kYellow:
      return Colour::kYellow;
    case Level::kRed:
      return Colour::kRed;
    case Level::kPlain:
      break;
  }
  return Colour::kPlain;
}

std::string filled(std::string line, int columns) {
  line.resize(static_cast<std::size_t>(std::max(columns, 0)), ' ');
  return line;
}

std::optional<TopOrder> order_named(char letter) {
  switch (letter) {
    case 'c':
      return TopOrder::kCpu;
    case 'm':
      return TopOrder::kMemory;
    case 'p':
      return TopOrder::kProcesses;
    case 'n':
      return TopOrder::kName;
    default:
      return std::nullopt;
  }
}

}  // namespace

// Keeps the chosen row on the screen.
void TopView::scroll(int visible) {
  page_ = std::max(visible, 1);
  const auto page = static_cast<std::size_t>(page_);
  const auto chosen = model_.chosen();
  const auto rows = model_.rows().size();
  if (chosen < first_) first_ = chosen;
  if (chosen >= first_ + page) first_ = chosen - page + 1;
  if (first_ + page > rows) first_ = rows > page ? rows - page : 0;
}

void TopView::draw_row(int line, std::size_t index, int name_columns, int columns) {
  const bool chosen = index == model_.chosen();
  int column = 0;
  for (const auto& piece : line_of(model_.rows()[index], name_columns, columns)) {
    screen_.put(line, column, piece.text, {colour_of(piece.level), chosen});
    column += static_cast<int>(piece.text.size());
  }
}

std::string TopView::last_line() const {
  if (question_) {
    const bool stop = question_->deed == Deed::kStop;
    return fmt::format("{} {}? y/n", stop ? "Stop" : "Kill", shown(question_->about.name));
  }
  return said_.empty() ? std::string(kKeys) : said_;
}

void TopView::draw() {
  const auto [lines, columns] = screen_.begin();
  const auto& rows = model_.rows();
  const int name_columns = name_width(rows, columns);
  scroll(lines - kAbove - kBelow);
  screen_.put(0, 0, filled(" contained top   " + summary(model_), columns), {Colour::kBold, true});
  screen_.put(1, 0, heading(model_.order(), name_columns, columns), {Colour::kBold, false});
  const auto end = std::min(rows.size(), first_ + static_cast<std::size_t>(page_));
  for (auto index = first_; index < end; ++index) {
    draw_row(kAbove + static_cast<int>(index - first_), index, name_columns, columns);
  }
  if (rows.empty()) screen_.put(kAbove, 0, "No job is running, and no command.", {});
  screen_.put(lines - kBelow, 0, filled(last_line(), columns), {Colour::kPlain, true});
  screen_.show();
}

bool TopView::take(const Key& key) {
  if (question_) {
    answer(key.kind == Key::Kind::kLetter && (key.letter == 'y' || key.letter == 'Y'));
    return true;
  }
  said_.clear();
  switch (key.kind) {
    case Key::Kind::kUp:
      model_.move(-1);
      break;
    case Key::Kind::kDown:
      model_.move(1);
      break;
    case Key::Kind::kPageUp:
      model_.move(-page_);
      break;
    case Key::Kind::kPageDown:
      model_.move(page_);
      break;
    case Key::Kind::kHome:
      model_.move(-static_cast<int>(model_.rows().size()));
      break;
    case Key::Kind::kEnd:
      model_.move(static_cast<int>(model_.rows().size()));
      break;
    case Key::Kind::kLetter:
      return take_letter(key.letter);
    case Key::Kind::kNone:
      break;
  }
  return true;
}

bool TopView::take_letter(char letter) {
  if (const auto order = order_named(letter)) model_.sort_by(*order);
  if (letter == 's') ask(Deed::kStop);
  if (letter == 'k') ask(Deed::kKill);
  return letter != 'q';
}

void TopView::ask(Deed deed) {
  if (model_.rows().empty()) return say("There is nothing to stop.");
  const auto& sample = model_.rows()[model_.chosen()].sample;
  if (deed == Deed::kStop && !sample.is_job()) {
    return say("Only jobs can be stopped from here: this one's own program does it. k kills it.");
  }
  question_ = Question{deed, sample};
}

void TopView::answer(bool yes) {
  const auto question = *std::exchange(question_, std::nullopt);
  if (!yes) return;
  const bool stop = question.deed == Deed::kStop;
  const auto done = stop ? actions_.stop(question.about) : actions_.kill(question.about);
  const auto name = shown(question.about.name);
  if (!done) return say(fmt::format("{}: {}", name, shown(describe(done.error()))));
  say(fmt::format("{} {}.", stop ? "Stopping" : "Killed", name));
}

}  // namespace contained::cli
