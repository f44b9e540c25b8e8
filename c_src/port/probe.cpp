#include "port/probe.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "process/trial.hpp"

namespace contained::port {
namespace {

std::string refusal(const Error& error) {
  return fmt::format("error {} {} {}", name(error.stage), errno_name(error.code), error.subject);
}

std::string verdict(process::Namespaces namespaces) {
  const auto way = process::attempt(namespaces);
  if (!way) return refusal(way.error());
  return *way == process::Way::kAlone ? "true" : "user";
}

std::string landlock_verdict() {
  const auto tried = process::attempt_landlock();
  return tried ? std::to_string(process::landlock_abi()) : refusal(tried.error());
}

}  // namespace

std::string probe_report() {
  std::string report;
  for (const auto& each : process::kNamespaceNames) {
    report += fmt::format("{} {}\n", each.name, verdict(each.flag));
  }
  report += fmt::format("pid_isolation {}\n", verdict(process::kNewPid | process::kNewMount));
  const auto seccomp = process::attempt_seccomp();
  report += fmt::format("seccomp {}\n", seccomp ? "true" : refusal(seccomp.error()));
  return report + fmt::format("landlock {}\n", landlock_verdict());
}

}  // namespace contained::port
