// How sessions below a stub end: by themselves, by the death of the worker, or of the stub.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string>

#include "process/stub.hpp"
#include "support/child_run.hpp"
#include "support/stub_run.hpp"

namespace contained::process {
namespace {

using test::helper;
using test::spec_for;
using test::StubRun;

const ExitStatus kDone = {true, 0, false};

class StubEnd : public ::testing::TestWithParam<bool> {
 protected:
  ExitStatus status_of(std::vector<std::string> argv) {
    StubRun run(spec_for(std::move(argv)), refused_);
    const auto exited = run.next<StubLeaderExited>();
    EXPECT_TRUE(exited.has_value());
    EXPECT_EQ(run.end(), kDone);
    return exited ? exited->status : ExitStatus{};
  }

  Refused refused_{.clone3 = GetParam(), .pidfd_open = GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Old, StubEnd, ::testing::Bool());

// ---- By itself

TEST_P(StubEnd, EveryExitCodeIsReported) {
  for (int code = 0; code < 256; ++code) {
    ASSERT_EQ(status_of({"exec_again", "0", std::to_string(code)}),
              (ExitStatus{true, code, false}));
  }
}

TEST_P(StubEnd, EverySignalIsReported) {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    const bool harmless =
        number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH;
    const bool stops =
        number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
    if (harmless || stops || (number > SIGSYS && number < SIGRTMIN)) continue;
    ASSERT_EQ(status_of({"kill_self", std::to_string(number)}), (ExitStatus{false, number, false}));
  }
}

TEST_P(StubEnd, ACrashIsASignal) {
  EXPECT_EQ(status_of({"kill_self", std::to_string(SIGSEGV)}), (ExitStatus{false, SIGSEGV, false}));
}

TEST_P(StubEnd, AThousandExecsAreNoExit) {
  EXPECT_EQ(status_of({"exec_again", "1000", "7"}), (ExitStatus{true, 7, false}));
}

TEST_P(StubEnd, AnExecFromAThreadKeepsThePid) {
  StubRun run(spec_for({"exec_in_thread", "/bin/sh", "-c", "echo $$; exit 4"}), refused_);
  const auto leader = run.leader();
  EXPECT_EQ(run.read_rest(), std::to_string(leader) + "\n");
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->status.code, 4);
}

TEST_P(StubEnd, ThousandsOfOrphansAreReaped) {
  StubRun run(spec_for({"orphans", "2000"}), refused_);
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->status, kDone);
  EXPECT_EQ(run.end(), kDone);
}

TEST_P(StubEnd, ComesOnlyWhenTheLastOneIsGone) {
  StubRun run(spec_for({"daemonize"}), refused_);
  const auto daemon = static_cast<pid_t>(std::stol(run.read_line()));
  ASSERT_TRUE(run.next<StubLeaderExited>().has_value());
  EXPECT_EQ(run.count(), 1U);
  EXPECT_FALSE(test::ended(run.pid()));
  ::kill(daemon, SIGKILL);
  EXPECT_EQ(run.end(), kDone);
}

// The daemon's time is in none of what the leader has waited for.
TEST_P(StubEnd, TheUsageOfAllIsReapedWithTheStub) {
  const std::string busy =
      "(setsid sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done' &) ; exit 0";
  StubRun run(spec_for({"/bin/sh", "-c", busy}), refused_);
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  rusage all = {};
  int status = 0;
  ASSERT_EQ(::wait4(run.pid(), &status, 0, &all), run.pid());
  run.stub().mark_reaped();
  const auto micros = [](const rusage& usage) {
    return usage.ru_utime.tv_sec * 1'000'000 + usage.ru_utime.tv_usec;
  };
  EXPECT_GT(micros(all), micros(exited->usage) + 10'000);
}

// ---- By the worker

TEST_P(StubEnd, AClosedControlEndsTheSession) {
  StubRun run(spec_for({"fork_bomb", "50", "ignore_term"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  run.close_control();
  EXPECT_EQ(run.end(), kDone);
  EXPECT_TRUE(run.survivors().empty());
}

TEST_P(StubEnd, OnlyItsWorkersDeathMakesSigtermMeanAnything) {
  StubRun run(spec_for({"ignore_term"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  for (const int number : {SIGTERM, SIGHUP, SIGINT, SIGPIPE, SIGUSR1, SIGQUIT, SIGALRM}) {
    EXPECT_TRUE(run.stub().signal(number));
  }
  EXPECT_EQ(run.count(), 1U);
  EXPECT_LT(run.kill(), 1000);
}

// A worker whose end of the control socket lives on in |keep|.
pid_t fork_worker(Refused refused, int keep, int tell) {
  const pid_t worker = ::fork();
  if (worker != 0) return worker;
  auto spec = spec_for({"fork_bomb", "20", "ignore_term"});
  auto* const run = new StubRun(spec, refused);
  run->read_line();
  const pid_t stub = run->pid();
  char byte = 'x';
  iovec data = {&byte, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  auto* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int control = run->control();
  std::memcpy(CMSG_DATA(header), &control, sizeof control);
  if (::sendmsg(keep, &message, 0) == 1 && ::write(tell, &stub, sizeof stub) > 0) ::pause();
  ::_exit(1);
}

// Not by end of file: the socket is on its way to somebody else.
TEST_P(StubEnd, TheWorkersDeathEndsTheSession) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::array<int, 2> keep = {};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keep.data()), 0);
  const UniqueFd mine(keep[0]);
  UniqueFd theirs(keep[1]);
  auto tell = make_pipe();
  const pid_t worker = fork_worker(refused_, theirs.get(), tell->write.get());
  pid_t stub = 0;
  ASSERT_EQ(::read(tell->read.get(), &stub, sizeof stub), ssize_t{sizeof stub});
  const auto below = descendants_of(stub);
  EXPECT_EQ(below.size(), 20U);
  ::kill(worker, SIGKILL);
  ASSERT_EQ(::waitpid(worker, nullptr, 0), worker);
  int status = 0;
  ASSERT_TRUE(test::eventually([&] { return ::waitpid(stub, &status, WNOHANG) == stub; }));
  EXPECT_EQ(status, 0);
  for (const auto& relative : below) EXPECT_FALSE(is_alive(relative.pid));
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

// ---- By somebody who signals the stub

TEST_P(StubEnd, AStoppedStubKillsOnceItIsContinued) {
  StubRun run(spec_for({"ignore_term"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  ASSERT_TRUE(run.stub().signal(SIGSTOP));
  ASSERT_TRUE(test::eventually([&] { return read_proc_stat(run.pid())->state == 'T'; }));
  EXPECT_TRUE(stub_kill(run.control()));
  EXPECT_TRUE(run.stub().signal(SIGCONT));
  EXPECT_EQ(run.end(), kDone);
  EXPECT_TRUE(run.survivors().empty());
}

// The leader dies with its stub; the daemon becomes ours, to be killed as a stray.
TEST_P(StubEnd, AKilledStubLeavesTheRestToItsWorker) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  StubRun run(spec_for({"escape_session"}), refused_);
  const auto escaped = static_cast<pid_t>(std::stol(run.read_line()));
  const pid_t leader = run.leader();
  ASSERT_TRUE(run.stub().signal(SIGKILL));
  EXPECT_EQ(run.end(), (ExitStatus{false, SIGKILL, false}));
  EXPECT_FALSE(run.next<StubLeaderExited>().has_value());
  int status = 0;
  ASSERT_TRUE(test::eventually([&] { return ::waitpid(leader, &status, WNOHANG) == leader; }));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(read_proc_stat(escaped)->ppid, ::getpid());
  ::kill(escaped, SIGKILL);
  EXPECT_EQ(::waitpid(escaped, nullptr, 0), escaped);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace contained::process
