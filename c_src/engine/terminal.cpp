#include "engine/terminal.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <utility>

namespace contained::engine {
namespace {

constexpr char kSubject[] = "pty";

Error last_error() { return Error::last(Stage::kStdio, kSubject); }

// By its descriptor and not by its name, which may be another's in our mount namespace.
Result<UniqueFd> open_other_end(int ours) {
  if (::unlockpt(ours) != 0) return last_error();
  UniqueFd other(::ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!other) return last_error();
  return other;
}

Status set_echo(int terminal, bool echo) {
  termios settings = {};
  if (::tcgetattr(terminal, &settings) != 0) return last_error();
  if (!echo) settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  if (::tcsetattr(terminal, TCSANOW, &settings) != 0) return last_error();
  return Done{};
}

}  // namespace

Result<Terminal> open_terminal(const protocol::Terminal& asked) {
  UniqueFd ours(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!ours) return last_error();
  auto commands = open_other_end(ours.get());
  if (!commands) return commands.error();
  auto set = set_echo(commands->get(), asked.echo);
  if (set) set = resize(commands->get(), asked.size);
  if (!set) return set.error();
  return Terminal{std::move(ours), std::move(*commands)};
}

Status resize(int terminal, const protocol::TerminalSize& size) {
  const winsize wanted = {size.rows, size.columns, 0, 0};
  if (::ioctl(terminal, TIOCSWINSZ, &wanted) != 0) return last_error();
  return Done{};
}

std::string end_of_input(int ours, bool at_line_start) {
  termios settings = {};
  const bool canonical =
      ::tcgetattr(ours, &settings) == 0 && (settings.c_lflag & static_cast<tcflag_t>(ICANON)) != 0;
  if (!canonical) return {};
  const auto end = static_cast<char>(settings.c_cc[VEOF]);
  return at_line_start ? std::string{end} : std::string{end, end};
}

}  // namespace contained::engine
