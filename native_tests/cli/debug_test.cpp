// --verbose, and CONTAINED_DEBUG with words for parts of it.
#include <gmock/gmock.h>

#include "cli/supervised.hpp"

namespace contained::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class DebugTest : public Supervised {
 protected:
  Asked with(const std::string& areas, std::vector<std::string> words) const {
    auto it = asked(std::move(words));
    it.env["CONTAINED_DEBUG"] = areas;
    return it;
  }

  // What the plan of a run is told as.
  std::string told(const std::string& areas) const {
    return run_program(with(areas, {"run", "--dry-run", "--memory", "64M", "--namespace", "pid",
                                    "--stop", "INT:2s", "/bin/true"}))
        .err;
  }
};

TEST_F(DebugTest, EachAreaHasItsWord) {
  EXPECT_EQ(told("spawn"), "contained: spawn: /bin/true\ncontained: spawn: namespaces pid\n");
  EXPECT_EQ(told("signal"), "contained: signal: a stop is INT and 2000 ms, SIGKILL; to all\n");
  EXPECT_THAT(told("cgroup"), ContainsRegex("^contained: cgroup: .*v2 groups"));
  EXPECT_THAT(told("cgroup"), HasSubstr("cgroup: asked for: memory=64M, or nothing starts\n"));
  EXPECT_EQ(told("cgroup,spawn"), told("spawn") + told("cgroup"));
  EXPECT_EQ(told("1"), told("spawn,cgroup,signal"));
  EXPECT_EQ(told("all"), told("1"));
  EXPECT_EQ(told("0") + told(""), "");
}

TEST_F(DebugTest, AWordThatIsNoneIsAnError) {
  const auto came = run_program(with("spawn,cgruop", {"run", "true"}));
  EXPECT_EQ(came.code(), 125);
  EXPECT_EQ(came.err,
            "contained: run: CONTAINED_DEBUG: cgruop: spawn, cgroup, signal, several with commas; "
            "1 or all, 0 for none\n");
}

TEST_F(DebugTest, ASupervisorTellsStartsAndEnds) {
  const auto came =
      run_program(with("spawn", {"supervise", "-n", "-m", "0", "/bin/sh", "-c", "exit 3"}));
  EXPECT_THAT(came.err,
              MatchesRegex("contained: spawn: /bin/sh\n"
                           "contained: cmd start [0-9]+\ncontained: cmd exit [0-9]+ 768\n"));
}

// By a shell that puts both streams together: one of them is waited for.
class LastingDebugTest : public DebugTest {
 protected:
  Asked supervise(const std::string& areas) const {
    auto it = with(areas, {"-c",
                           "exec $0 supervise -n -s --pids 20 --on-unsupported ignore sh -c 'trap "
                           ": HUP; echo ready; while :; do sleep 0.01; done' 2>&1",
                           CONTAINED_CLI_PATH});
    it.words.front() = "/bin/sh";
    it.argv0 = "sh";
    return it;
  }
};

TEST_F(LastingDebugTest, ASupervisorTellsSignals) {
  Program program(supervise("signal"));
  ASSERT_TRUE(program.wait_for_output("ready\n"));
  program.signal(SIGHUP);
  EXPECT_TRUE(program.wait_for_output(" 1\n"));
  EXPECT_THAT(program.output(), ContainsRegex("contained: cmd signal [0-9]+ 1\n"));
  EXPECT_THAT(program.output(), Not(HasSubstr("cmd start")));
  program.signal(SIGTERM);
  EXPECT_THAT(program.wait_for_exit().out, ContainsRegex("contained: cmd stop [0-9]+\n"));
}

TEST_F(LastingDebugTest, ASupervisorTellsGroups) {
  if (run_program(asked({"run", "--containment", "required", "true"})).code() != 0)
    GTEST_SKIP() << "needs control groups";
  Program program(supervise("cgroup"));
  ASSERT_TRUE(program.wait_for_output("contained: cmd: group "));
  EXPECT_THAT(program.output(), ContainsRegex("contained: cmd: group /.*/default/1 "));
  program.signal(SIGTERM);
  EXPECT_THAT(program.wait_for_exit().out, Not(HasSubstr("cmd stop")));
}

}  // namespace
}  // namespace contained::test
