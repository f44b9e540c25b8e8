#include "cli/report.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/advice.hpp"

namespace contained::cli {

void complain(std::string_view what, std::string_view why) {
  const auto line = fmt::format("contained: {}: {}\n", what, why);
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

void complain(const Error& error) { complain(name(error.stage), describe(error)); }

std::string describe(const Error& error) {
  std::string text = error.subject.empty() ? "" : error.subject + ": ";
  text += std::strerror(error.code);  // NOLINT(concurrency-mt-unsafe)
  const auto advice = advice_on(error);
  if (!advice.empty()) text.append("; ").append(advice);
  return text;
}

Status put_out(std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd ready = {STDOUT_FILENO, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return Error::last(Stage::kFile, "stdout");
    }
  }
  return Done{};
}

bool print(std::string_view text) {
  const auto done = put_out(text);
  if (!done) complain("stdout", std::strerror(done.error().code));  // NOLINT(*-mt-unsafe)
  return static_cast<bool>(done);
}

}  // namespace contained::cli
