// What a terminal can do: colours, and how much fits.
#pragma once

#include <termios.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace contained::cli {

bool is_terminal(int fd);

/// On a terminal, unless NO_COLOR is set and not empty (https://no-color.org) or TERM is "dumb".
bool has_colours(int fd);

enum class Colour : std::uint8_t { kPlain, kBold, kDim, kRed, kGreen, kYellow, kBlue };

/// |text| with '?' for control characters: what somebody else has written must not command our
/// terminal.
std::string printable(std::string text);

/// |text| in that colour when |on|.
std::string paint(Colour colour, std::string_view text, bool on);

/// Our terminal, as it was before we handed its keys on unread: as it was again afterwards.
class RawTerminal {
 public:
  /// Nothing is changed where |fd| is no terminal, or is not ours to read from now.
  explicit RawTerminal(int fd);
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() { restore(); }

  void restore();

 private:
  int fd_;
  std::optional<termios> before_;
};

struct Extent {
  int rows = 24;
  int columns = 80;
};

/// Of the terminal at |fd|; 24 x 80 where there is none.
Extent extent_of(int fd);

/// Of the one that we show things at, or else read from.
Extent our_extent();

}  // namespace contained::cli
