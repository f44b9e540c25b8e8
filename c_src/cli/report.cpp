#include "cli/report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>

namespace contained::cli {
namespace {

bool refused(const Error& error) { return error.code == EPERM || error.code == EACCES; }

std::string_view advice_on_limit(const Error& error) {
  if (error.code == ENOTSUP) {
    return "no control group here has it: see 'contained info', or --on-unsupported ignore";
  }
  if (error.code == ERANGE) return "the kernel took another value: choose one that it can hold";
  return refused(error) ? "the group is not ours to limit: run as root or in a delegated group"
                        : "";
}

std::string_view advice_on_exec(const Error& error) {
  switch (error.code) {
    case EACCES:
      return "it must be a file that the command's user may execute";
    case ENOEXEC:
      return "a script needs a #! line";
    case E2BIG:
      return "arguments and environment are too large";
    default:
      return "";
  }
}

std::string_view advice_on(const Error& error) {
  switch (error.stage) {
    case Stage::kExec:
      return advice_on_exec(error);
    case Stage::kLimit:
      return advice_on_limit(error);
    case Stage::kCgroup:
      return "'contained info' tells which control groups may be used";
    case Stage::kCapabilities:
      if (error.code == EINVAL) return "see capabilities(7) for the names";
      break;
    case Stage::kNamespace:
    case Stage::kIdMap:
      if (refused(error) || error.code == ENOSPC) {
        return "see sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone";
      }
      break;
    default:
      break;
  }
  const bool privileged = error.stage == Stage::kIds || error.stage == Stage::kNice ||
                          error.stage == Stage::kOomScoreAdj || error.stage == Stage::kRlimit ||
                          error.stage == Stage::kCapabilities;
  return privileged && refused(error) ? "it takes root, or the capability" : "";
}

}  // namespace

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
