// contained_port --probe as it is started: here, and where something forbids what it tries.
#include "port/probe.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <map>
#include <sstream>
#include <string>

#include "process/landlock.hpp"
#include "support/elsewhere.hpp"
#include "support/filter.hpp"
#include "support/isolated.hpp"

namespace contained::port {
namespace {

using Verdicts = std::map<std::string, std::string>;

std::string report() {
  if (::access(CONTAINED_PORT_PATH, X_OK) != 0) return "build unreachable";
  auto* const program = ::popen(CONTAINED_PORT_PATH " --probe", "r");
  auto text = read_all(::fileno(program));
  const int status = ::pclose(program);
  return status == 0 && text ? *text : "status " + std::to_string(status);
}

Verdicts verdicts(const std::function<void()>& prepare) {
  std::istringstream lines(test::elsewhere(prepare, report));
  Verdicts found;
  for (std::string name, words; lines >> name && std::getline(lines >> std::ws, words);) {
    found[name] = words;
  }
  return found;
}

Verdicts without(long call, int argument) {
  return verdicts([=] {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    test::filter_call({call, argument, EPERM});
  });
}

void nothing() {}

TEST(ProbeTest, TellsOfAll) {
  CONTAINED_NEEDS_NAMESPACES();
  const auto found = verdicts(nothing);
  EXPECT_EQ(found.size(), 11U);
  const auto* const way = ::geteuid() == 0 ? "true" : "user";
  EXPECT_EQ(found.at("user"), "true");
  EXPECT_EQ(found.at("mount"), way);
  EXPECT_EQ(found.at("net"), way);
  const auto abi = process::landlock_abi();
  EXPECT_TRUE(found.at("landlock").starts_with(abi > 0 ? std::to_string(abi) : "error landlock"));
}

TEST(ProbeTest, AUserHasThemByWayOfANamespaceOfUsers) {
  if (::geteuid() != 0 || !test::may_isolate()) GTEST_SKIP() << "needs root and namespaces";
  const auto found = verdicts(test::become_nobody);
  if (found.contains("build")) GTEST_SKIP() << "needs a build that everybody may execute";
  if (found.at("user") != "true") GTEST_SKIP() << "needs user namespaces for all";
  EXPECT_EQ(found.at("net"), "user");
  EXPECT_EQ(found.at("pid"), "user");
}

// Nothing but the attempt tells of these.
TEST(ProbeTest, AFilterOfSystemCallsIsSeen) {
  CONTAINED_NEEDS_NAMESPACES();
  const auto found = without(SYS_unshare, CLONE_NEWNET);
  EXPECT_EQ(found.at("net"), "error namespace eperm net");
  EXPECT_EQ(found.at("uts"), verdicts(nothing).at("uts"));
}

TEST(ProbeTest, AMountThatIsForbiddenIsSeen) {
  CONTAINED_NEEDS_NAMESPACES();
  const auto found = without(SYS_mount, -1);
  EXPECT_TRUE(found.at("pid_isolation").starts_with("error mount eperm")) << found.at("mount");
}

TEST(ProbeTest, SeccompThatIsForbiddenIsSeen) {
  const auto found = without(SYS_prctl, PR_SET_SECCOMP);
  EXPECT_TRUE(found.at("seccomp").starts_with("error seccomp")) << found.at("seccomp");
}

}  // namespace
}  // namespace contained::port
