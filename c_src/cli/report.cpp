#include "cli/report.hpp"

#include <fmt/format.h>
#include <unistd.h>

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

}  // namespace contained::cli
