// The screen of `top` and its keys.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "cli/screen.hpp"
#include "cli/top_model.hpp"

namespace contained::cli {

/// What can be done to a group from the screen. Errors are shown.
struct TopActions {
  std::function<Status(const TopSample&)> stop;  ///< of a job
  std::function<Status(const TopSample&)> kill;
};

class TopView {
 public:
  TopView(Screen& screen, TopModel& model, TopActions actions)
      : screen_(screen), model_(model), actions_(std::move(actions)) {}

  void draw();

  /// False: it is to end.
  bool take(const Key& key);

  /// Instead of the keys, until the next one is pressed.
  void say(std::string text) { said_ = std::move(text); }

 private:
  enum class Deed : std::uint8_t { kStop, kKill };
  struct Question {
    Deed deed;
    TopSample about;
  };

  bool take_letter(char letter);
  void ask(Deed deed);
  void answer(bool yes);
  void scroll(int visible);
  void draw_row(int line, std::size_t index, int name_columns, int columns);
  std::string last_line() const;

  Screen& screen_;
  TopModel& model_;
  TopActions actions_;
  std::optional<Question> question_;
  std::string said_;
  std::size_t first_ = 0;  ///< row at the top
  int page_ = 1;           ///< rows that fit
};

}  // namespace contained::cli
