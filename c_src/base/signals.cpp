#include "base/signals.hpp"

#include <cctype>
#include <charconv>
#include <csignal>

namespace contained {
namespace {

constexpr int kLastSignalNumber = 64;

struct SignalName {
  std::string_view name;
  int number;
};
constexpr SignalName kSignals[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT},   {"ILL", SIGILL},
    {"TRAP", SIGTRAP},     {"ABRT", SIGABRT}, {"BUS", SIGBUS},     {"FPE", SIGFPE},
    {"KILL", SIGKILL},     {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},   {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE},     {"ALRM", SIGALRM}, {"TERM", SIGTERM},   {"CHLD", SIGCHLD},
    {"CONT", SIGCONT},     {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},   {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU},     {"URG", SIGURG},   {"XCPU", SIGXCPU},   {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},
    {"PWR", SIGPWR},       {"SYS", SIGSYS},
};

std::optional<int> numbered(std::string_view text) {
  int number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = read.ec == std::errc{} && read.ptr == text.data() + text.size();
  return whole && number >= 1 && number <= kLastSignalNumber ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<int> signal_named(std::string_view text) {
  if (const auto number = numbered(text)) return number;
  std::string name(text);
  for (auto& letter : name)
    letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const auto& known : kSignals) {
    if (known.name == name) return known.number;
  }
  return std::nullopt;
}

std::string signal_name(int number) {
  for (const auto& known : kSignals) {
    if (known.number == number) return std::string(known.name);
  }
  return std::to_string(number);
}

}  // namespace contained
