#include "process/exit_status.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "support/child_run.hpp"
#include "support/temp_dir.hpp"

namespace contained::process {
namespace {

using test::eventually;
using test::run;
using test::spec_for;

// signal(7): the others stop the process, which kill_self would not come back from, or belong to
// the C library.
bool is_testable(int number) {
  const bool stops =
      number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
  return !stops && (number < 32 || number >= SIGRTMIN);
}

bool ends_the_process(int number) {
  return number != SIGCHLD && number != SIGCONT && number != SIGURG && number != SIGWINCH;
}

siginfo_t info_with(int code, int status) {
  siginfo_t info = {};
  info.si_code = code;
  info.si_status = status;
  return info;
}

pid_t fork_to_exit(int code) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(code);
  return pid;
}

Reaped reap_next() {
  Reaped reaped;
  EXPECT_TRUE(eventually([&] { return (reaped = reap_one()).pid != 0; }));
  return reaped;
}

TEST(ExitStatusOf, TakesTheThreeKinds) {
  EXPECT_EQ(exit_status_of(info_with(CLD_EXITED, 3)), (ExitStatus{true, 3, false}));
  EXPECT_EQ(exit_status_of(info_with(CLD_KILLED, 9)), (ExitStatus{false, 9, false}));
  EXPECT_EQ(exit_status_of(info_with(CLD_DUMPED, 11)), (ExitStatus{false, 11, true}));
}

TEST(ReapOne, FindsNobodyWithoutChildren) { EXPECT_EQ(reap_one().pid, 0); }

TEST(ReapOne, TellsEveryExitCode) {
  for (int code = 0; code <= 255; ++code) {
    const pid_t pid = fork_to_exit(code);
    const auto reaped = reap_next();
    EXPECT_EQ(reaped.pid, pid);
    EXPECT_EQ(reaped.status, (ExitStatus{true, code, false}));
  }
}

TEST(ReapOne, DoesNotWaitForTheLiving) {
  const pid_t pid = ::fork();
  if (pid == 0) ::pause();
  EXPECT_EQ(reap_one().pid, 0);
  ::kill(pid, SIGKILL);
  const auto reaped = reap_next();
  EXPECT_EQ(reaped.pid, pid);
  EXPECT_EQ(reaped.status, (ExitStatus{false, SIGKILL, false}));
}

TEST(ReapOne, ReapsEachOnce) {
  for (int i = 0; i < 20; ++i) fork_to_exit(0);
  for (int i = 0; i < 20; ++i) EXPECT_NE(reap_next().pid, 0);
  EXPECT_EQ(reap_one().pid, 0);
  EXPECT_EQ(::waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(ReapOne, BringsTheUsage) {
  fork_to_exit(0);
  EXPECT_GT(reap_next().usage.ru_maxrss, 0);
}

TEST(ExitStatusOfAChild, TellsEverySignal) {
  Refused refused;
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (!is_testable(number)) continue;
    const auto outcome = run(spec_for({"kill_self", std::to_string(number)}), refused);
    const bool ends = ends_the_process(number);
    EXPECT_EQ(outcome.status, (ExitStatus{!ends, ends ? number : 0, false})) << number;
  }
}

// What the kernel does here about core files, asked with nothing of ours in between.
bool cores_are_written(const std::string& directory) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::chdir(directory.c_str()) < 0) ::_exit(1);
    ::execl(test::helper("kill_self").c_str(), "kill_self", "11", "core", nullptr);
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) && WCOREDUMP(status);
}

TEST(ExitStatusOfAChild, TellsOfACoreFile) {
  const test::TempDir dir;
  if (!cores_are_written(dir.path()))
    GTEST_SKIP() << "needs core files (RLIMIT_CORE, core_pattern)";
  auto spec = spec_for({"kill_self", "11", "core"});
  spec.cd = dir.path();
  Refused refused;
  EXPECT_EQ(run(spec, refused).status, (ExitStatus{false, SIGSEGV, true}));
}

}  // namespace
}  // namespace contained::process
