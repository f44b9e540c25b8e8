// What is told of lanco in its author's text, with our program; and its defects L1 to L6, which
// must not be ours (features.md).
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/job_cli.hpp"

namespace contained::test {
namespace {

using testing::Test;

class JobSession : public JobCli {
 protected:
  // As another user, if we are root.
  Came as_user(Words words) const {
    auto user = asked(std::move(words));
    if (::geteuid() != 0) return run_program(user);
    const Words su = {"/usr/bin/setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"};
    user.words.insert(user.words.begin(), su.begin(), su.end());
    return run_program(user);
  }

  // Where another user can go.
  void open_temp() const { ::chmod(temp_.path().c_str(), 0755); }
};

bool has_line(const std::string& text, const std::string& begin, const std::string& end) {
  for (std::size_t at = 0; at < text.size();) {
    const auto line = text.substr(at, text.find('\n', at) - at);
    if (line.starts_with(begin) && line.ends_with(end)) return true;
    at += line.size() + 1;
  }
  return false;
}

TEST_F(JobSession, QuickTour) {
  EXPECT_EQ(code({"init"}), 0);
  const Words aes = {"run", "first-task", "sh", "-c", "echo Doing aes-128; exec sleep 300"};
  ASSERT_EQ(code(aes), 0);
  EXPECT_EQ(code({"check", "first-task"}), 0);
  const auto pid = std::to_string(entry("first-task").job.leader.pid);
  ASSERT_TRUE(before_long([&] { return job({"ls"}).out.find("sleep 300") != std::string::npos; }));
  const auto padded = std::string(pid.size() < 5 ? 5 - pid.size() : 0, ' ') + pid;
  EXPECT_EQ(job({"ls"}).out, space_ + "\n ├ first-task\n │  → " + padded + " sleep 300\n ╯\n");
  EXPECT_TRUE(before_long([&] { return content(log_of("first-task")) == "Doing aes-128\n"; }));
  EXPECT_EQ(code({"stop", "first-task"}), 0);
  EXPECT_EQ(code({"check", "first-task"}), 1);
}

TEST_F(JobSession, NoTaskThatExistsAndNoStopOfOneThatDoesNot) {
  ASSERT_EQ(code({"run", "first-task", "sleep", "300"}), 0);
  const auto again = job({"run", "first-task", "sleep", "300"});
  EXPECT_EQ(again.code(), 1);
  EXPECT_NE(again.err.find("job first-task is already running (pid " +
                           std::to_string(entry("first-task").job.leader.pid) + ")"),
            std::string::npos)
      << again.err;
  const auto none = job({"stop", "second-task"});
  EXPECT_EQ(none.code(), 1);
  EXPECT_NE(none.err.find("job second-task is not running"), std::string::npos) << none.err;
}

TEST_F(JobSession, ProcessesThatForkAwayAreTrackedAndStopped) {
  const auto loop = "while true; do (sleep 30 &)& sleep 0.05; done";
  ASSERT_EQ(code({"run", "second-task", "sh", "-c", loop}), 0);
  std::vector<ProcRow> rows;
  const auto space = job::Namespace::open(space_);
  ASSERT_TRUE(before_long([&] {
    rows = job::processes(*space, entry("second-task"));
    return rows.size() > 5;
  }));
  const auto listed = job({"ls"}).out;
  EXPECT_TRUE(has_line(listed, " │  → ", "sleep 30")) << listed;
  EXPECT_TRUE(has_line(listed, " │  → ", "sh -c while true; do (sleep 30 &)& sleep 0.05; do…"))
      << listed;
  EXPECT_TRUE(has_line(job({"ls", "-l"}).out, " │  → ", loop));
  EXPECT_EQ(code({"stop", "second-task"}), 0);
  EXPECT_EQ(code({"check", "second-task"}), 1);
  for (const auto& row : rows) EXPECT_TRUE(!lives(row.stat.pid)) << row.stat.pid;
}

TEST_F(JobSession, DumpHasWhatLancosHas) {
  ASSERT_EQ(code({"run", "a", "sleep", "300"}), 0);
  ASSERT_EQ(code({"run", "b", "true"}), 0);
  ASSERT_EQ(code({"wait", "b"}), 0);
  const auto dump = nlohmann::json::parse(job({"dump"}).out);
  EXPECT_EQ(dump["namespace"], space_);
  EXPECT_EQ(dump["count"], 1);
  EXPECT_EQ(dump["tasks"]["a"]["count"], 1);
  EXPECT_EQ(dump["tasks"]["a"]["processes"][0]["cmdline"], "sleep 300");
  EXPECT_TRUE(dump.contains("timestamp"));
  EXPECT_TRUE(dump.contains("nbcpus"));
  EXPECT_EQ(dump["finished"]["b"]["result"]["exited"], 0);
}

TEST_F(JobSession, WaitExitsAsTheJobHas) {
  ASSERT_EQ(code({"run", "seven", "sh", "-c", "exit 7"}), 0);
  EXPECT_EQ(code({"wait", "seven"}), 7);
  EXPECT_EQ(code({"wait", "seven"}), 7) << "the result is kept";
  ASSERT_EQ(code({"run", "killed", "sh", "-c", "kill -11 $$"}), 0);
  EXPECT_EQ(code({"wait", "killed"}), 139);
  ASSERT_EQ(code({"run", "long", "sleep", "300"}), 0);
  EXPECT_EQ(code({"wait", "--timeout", "50ms", "long"}), 124);
  EXPECT_EQ(code({"wait", "none"}), 125);
}

TEST_F(JobSession, InTheForegroundItIsACommand) {
  const auto came = job({"run", "-f", "a", "sh", "-c", "echo out; echo err >&2; exit 7"});
  EXPECT_EQ(came.code(), 7);
  EXPECT_EQ(came.out, "out\n");
  EXPECT_EQ(came.err, "err\n");
  EXPECT_EQ(job({"run", "-f", "-L", "b", "sh", "-c", "echo out; echo err >&2"}).out, "");
  EXPECT_EQ(job({"logs", "b"}).out, "out\nerr\n");
  EXPECT_EQ(code({"run", "-f", "c", "/no/such"}), 127);
}

TEST_F(JobSession, TheHookIsToldOnceAfterTheEnd) {
  const auto told = temp_.path("told");
  const auto hook =
      "echo $CONTAINED_NAMESPACE $CONTAINED_NAME $CONTAINED_STATUS "
      "-$CONTAINED_SIGNAL- $CONTAINED_REASON >> " +
      told;
  ASSERT_EQ(code({"run", "--on-exit", hook, "a", "sh", "-c", "sleep 300 & exit 3"}), 0);
  EXPECT_TRUE(before_long([&] { return content(told).ends_with("\n"); }));
  EXPECT_EQ(code({"release", "a"}), 0);
  EXPECT_EQ(content(told), space_ + " a 3 -- exit\n");
}

TEST_F(JobSession, HooksStartTheNextJob) {
  const auto hook = contained({}).words.front() + " job " + space_ + " run b sleep 300";
  for (int i = 0; i < 10; ++i) {
    for (const Words& how : {Words{"run"}, Words{"run", "-f"}}) {
      auto words = how;
      words.insert(words.end(), {"--on-exit", hook, "a", "true"});
      ASSERT_EQ(code(words), 0);
      ASSERT_TRUE(before_long([&] { return runs("b"); }));
      ASSERT_EQ(code({"kill", "b"}), 0);
    }
  }
}

TEST_F(JobSession, LogsOfTheLastLinesAndUntilTheEnd) {
  ASSERT_EQ(code({"run", "a", "sh", "-c", "seq 100; printf last"}), 0);
  ASSERT_EQ(code({"wait", "a"}), 0);
  EXPECT_EQ(job({"logs", "-n", "2", "a"}).out, "100\nlast");
  EXPECT_EQ(job({"logs", "-n", "0", "a"}).out, "");
  ASSERT_EQ(code({"run", "b", "sh", "-c", "echo one; sleep 0.2; echo two"}), 0);
  EXPECT_EQ(job({"logs", "-f", "b"}).out, "one\ntwo\n");
}

TEST_F(JobSession, TheOldNameOfTheProgramWillDo) {
  auto lanco = asked({"ls"});
  lanco.argv0 = "lanco";
  lanco.words.erase(lanco.words.begin() + 1);
  ASSERT_EQ(code({"init"}), 0);
  EXPECT_EQ(run_program(lanco).out, space_ + "\n ╯\n");
}

// L1: what is run for the user is run as the user; nothing that root uses is his.
TEST_F(JobSession, L1HandedOverNamespacesHaveNoWayToRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to hand a namespace over";
  open_temp();
  const auto init = job({"init", "-u", "12345", "-g", "12345"});
  ASSERT_EQ(init.code(), 0) << init.err;
  const auto told = temp_.path("log") + "/" + space_ + "/told";
  ASSERT_EQ(as_user({"run", "--on-exit", "id -u > " + told, "a", "true"}).code(), 0);
  EXPECT_TRUE(before_long([&] { return content(told) == "12345\n"; }));
  struct stat info = {};
  for (const char* name : {"", "/namespace"}) {
    ASSERT_EQ(::stat((runtime() + "/" + space_ + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 0U) << name;
    EXPECT_EQ(info.st_mode & 0022U, 0U) << name;
  }
  EXPECT_EQ(code({"run", "b", "true"}), 125) << "root runs nothing in what is a user's";
  EXPECT_EQ(as_user({"release"}).code(), 0);
}

// L2
TEST_F(JobSession, ANamespaceIsNotHalfHandedOver) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to hand a namespace over";
  open_temp();
  ASSERT_EQ(code({"init"}), 0);
  ASSERT_EQ(code({"release"}), 0);
  const auto refused = job({"init", "-u", "12345", "-g", "12345"});
  EXPECT_EQ(refused.code(), 1);
  EXPECT_NE(refused.err.find("the logs of namespace " + space_), std::string::npos) << refused.err;
  std::filesystem::remove(temp_.path("log") + "/" + space_);
  ASSERT_EQ(code({"init", "-u", "12345", "-g", "12345"}), 0);
  EXPECT_EQ(as_user({"run", "a", "true"}).code(), 0);
  EXPECT_EQ(as_user({"wait", "a"}).code(), 0);
  EXPECT_EQ(as_user({"release"}).code(), 0);
  // As of one that was killed while it made it.
  std::filesystem::remove(runtime() + "/" + space_ + "/namespace");
  EXPECT_EQ(code({"release"}), 0);
  EXPECT_FALSE(std::filesystem::exists(runtime() + "/" + space_));
  EXPECT_EQ(job::find_plot(space_).path, "") << "no group is left";
}

TEST_F(JobSession, L2AFailedExecIsAFailure) {
  EXPECT_EQ(code({"run", "a", "/no/such"}), 127);
  EXPECT_EQ(code({"run", "a", "/etc/passwd"}), 126);
  EXPECT_EQ(code({"check", "a"}), 1);
  EXPECT_FALSE(std::filesystem::exists(file_of("a", "")));
}

// L3
TEST_F(JobSession, L3ReleaseRefusesWhileSomethingRuns) {
  ASSERT_EQ(code({"run", "a", "sleep", "300"}), 0);
  EXPECT_EQ(code({"release"}), 1);
  EXPECT_EQ(code({"release", "a"}), 1);
  EXPECT_TRUE(runs("a"));
  EXPECT_EQ(code({"stop", "a"}), 0);
  EXPECT_EQ(code({"release"}), 0);
  EXPECT_FALSE(std::filesystem::exists(runtime() + "/" + space_));
}

// L4
TEST_F(JobSession, L4TheTimeOfAStopIsTheCallers) {
  const auto ignore = "trap '' TERM; echo ready; while :; do sleep 300; done";
  ASSERT_EQ(code({"run", "a", "sh", "-c", ignore}), 0);
  ASSERT_TRUE(before_long([&] { return content(log_of("a")) == "ready\n"; }));
  EXPECT_EQ(code({"stop", "--timeout", "50ms", "a"}), 0);
  const auto outcome = entry("a").outcome;
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->exited);
  EXPECT_EQ(outcome->code, SIGKILL);
  EXPECT_EQ(outcome->reason, "stopped");
}

// L5
TEST_F(JobSession, L5NamesAreCheckedAndLogsBounded) {
  for (const char* name : {"", ".", "..", "a/b", "a b"}) {
    EXPECT_EQ(code({"run", name, "true"}), 2) << name;
  }
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(code({"run", "--keep", "2", "-f", "-L", "a", "echo", std::to_string(i)}), 0);
  }
  const auto logs = std::filesystem::directory_iterator(temp_.path("log") + "/" + space_);
  EXPECT_EQ(std::distance(logs, {}), 3);
  EXPECT_EQ(content(log_of("a")), "4\n");
  EXPECT_EQ(code({"release", "a"}), 0);
  EXPECT_FALSE(std::filesystem::exists(file_of("a", "")));
}

// L6
TEST_F(JobSession, L6AnUnprivilegedUserNeedsNobody) {
  open_temp();
  if (::geteuid() == 0) {
    ASSERT_EQ(job({"init", "-u", "12345", "-g", "12345"}).code(), 0);
  }
  const auto ran = as_user({"run", "a", "sleep", "300"});
  EXPECT_EQ(ran.code(), 0) << ran.err;
  EXPECT_EQ(as_user({"check", "a"}).code(), 0);
  const auto listed = as_user({"ls"}).out;
  EXPECT_TRUE(has_line(listed, " │  → ", "sleep 300")) << listed;
  EXPECT_EQ(as_user({"stop", "a"}).code(), 0);
  EXPECT_EQ(as_user({"release"}).code(), 0);
}

}  // namespace
}  // namespace contained::test
