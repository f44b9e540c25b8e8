// A whole terminal to write on, by ncurses(3).
//
// The library is loaded when a screen is wanted, not linked: it would be half a millisecond of
// every `contained run`, and where it is missing all else works.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "cli/terminal.hpp"

namespace contained::cli {

struct Look {
  Colour colour = Colour::kPlain;
  bool reverse = false;
};

struct Key {
  enum class Kind : std::uint8_t { kNone, kLetter, kUp, kDown, kPageUp, kPageDown, kHome, kEnd };
  Kind kind = Kind::kNone;
  char letter = 0;  ///< any byte that is none of these
};

class Screen {
 public:
  /// Takes the terminal of stdin and stdout. ENOTSUP: this program was built without; ENOENT: no
  /// ncurses here; ENODEV: a terminal that it does not know. The subject says which.
  static Result<std::unique_ptr<Screen>> open(bool colours);

  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  /// The terminal is as it was before.
  virtual ~Screen() = default;

  /// Empty, and as large as the terminal is now.
  virtual Extent begin() = 0;

  /// ASCII; what goes beyond the edge is cut.
  virtual void put(int row, int column, std::string_view text, Look look) = 0;
  virtual void show() = 0;

  /// What has been typed; kNone when nothing is waiting. Never waits.
  virtual Key key() = 0;

 protected:
  Screen() = default;
};

}  // namespace contained::cli
