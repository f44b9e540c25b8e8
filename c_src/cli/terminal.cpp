#include "cli/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace contained::cli {
namespace {

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string_view() : value;
}

// ECMA-48, "select graphic rendition".
int rendition(Colour colour) {
  switch (colour) {
    case Colour::kBold:
      return 1;
    case Colour::kDim:
      return 2;
    case Colour::kRed:
      return 31;
    case Colour::kGreen:
      return 32;
    case Colour::kYellow:
      return 33;
    case Colour::kBlue:
      return 34;
    case Colour::kPlain:
      break;
  }
  return 0;
}

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

bool has_colours(int fd) {
  return is_terminal(fd) && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
}

// ECMA-48: C0, DEL, and C1 as UTF-8 has them.
std::string printable(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (byte < 0x20 || byte == 0x7f) text[i] = '?';
    if (byte == 0xc2 && next >= 0x80 && next < 0xa0) text.replace(i, 2, "?");
  }
  return text;
}

std::string paint(Colour colour, std::string_view text, bool on) {
  if (!on || colour == Colour::kPlain) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", rendition(colour), text);
}

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  termios now = {};
  const bool ours = ::tcgetattr(fd, &now) == 0 && ::tcgetpgrp(fd) == ::getpgrp();
  if (!ours) return;
  before_ = now;
  ::cfmakeraw(&now);
  ::tcsetattr(fd, TCSADRAIN, &now);
}

// In the background it is somebody else's by now.
void RawTerminal::restore() {
  if (before_ && ::tcgetpgrp(fd_) == ::getpgrp()) ::tcsetattr(fd_, TCSADRAIN, &*before_);
  before_.reset();
}

Extent extent_of(int fd) {
  winsize size = {};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return {};
  return {size.ws_row, size.ws_col};
}

Extent our_extent() { return extent_of(is_terminal(STDOUT_FILENO) ? STDOUT_FILENO : STDIN_FILENO); }

}  // namespace contained::cli
