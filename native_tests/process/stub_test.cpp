// What a session below a stub is and tells. Its end: stub_end_test, stub_kill_test.
#include "process/stub.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <variant>

#include "process/stub_word.hpp"
#include "support/child_run.hpp"
#include "support/stub_run.hpp"

namespace contained::process {
namespace {

using test::spec_for;
using test::StubRun;

const ExitStatus kDone = {true, 0, false};

class Stubs : public ::testing::TestWithParam<bool> {
 protected:
  Refused refused_{.clone3 = GetParam(), .pidfd_open = GetParam(), .close_range = GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Old, Stubs, ::testing::Bool());

TEST_P(Stubs, AProgramRunsAndIsReported) {
  StubRun run(spec_for({"/bin/sh", "-c", "echo $PPID; exit 3"}), refused_);
  EXPECT_EQ(run.failure(), "ok");
  EXPECT_EQ(run.read_rest(), std::to_string(run.pid()) + "\n");
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->status, (ExitStatus{true, 3, false}));
  EXPECT_EQ(exited->others, 0U);
  EXPECT_EQ(run.end(), kDone);
}

TEST_P(Stubs, TheLeaderIsKnownOnceTheStatusPipeIsClosed) {
  for (int i = 0; i < 100; ++i) {
    StubRun run(spec_for({"/bin/true"}), refused_);
    ASSERT_EQ(run.failure(), "ok");
    const auto first = read_stub(run.control());
    ASSERT_TRUE(first && std::holds_alternative<StubLeader>(*first)) << i;
    run.end();
  }
}

TEST_P(Stubs, TheLeaderIsThatProcess) {
  StubRun run(spec_for({"ignore_term"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  const auto leader = run.next<StubLeader>();
  ASSERT_TRUE(leader.has_value());
  const auto stat = read_proc_stat(leader->pid);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat.value().ppid, run.pid());
  EXPECT_EQ(stat.value().start_time, leader->start_time);
  EXPECT_EQ(::getsid(leader->pid), leader->pid);
}

TEST_P(Stubs, AStubShowsWhatItIs) {
  StubRun run(spec_for({"ignore_term"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  const auto file = [&](const char* name) {
    return *read_file_at(AT_FDCWD, fmt::format("/proc/{}/{}", run.pid(), name));
  };
  EXPECT_EQ(file("comm"), "contained_stub\n");
  EXPECT_TRUE(file("cmdline").starts_with(std::string("contained_stub\0", 15)));
  EXPECT_EQ(::getsid(run.pid()), run.pid());
}

// Its control socket and its signals; no pipe of the session, nor of anybody else.
TEST_P(Stubs, AStubHoldsNothingOfOurs) {
  const auto pipe = make_pipe();
  StubRun run(spec_for({"ignore_term"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  const auto links = [&] {
    std::string all;
    for (const auto& fd :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", run.pid())))
      all += std::filesystem::read_symlink(fd).string().substr(0, 12) + " ";
    return all;
  };
  EXPECT_TRUE(test::eventually([&] {
    const auto held = links();
    return held == "socket:[" + held.substr(8, 4) + " anon_inode:[ ";
  })) << links();
}

TEST_P(Stubs, TheProgramHoldsNothingButItsThree) {
  StubRun run(spec_for({"print_fds"}), refused_);
  EXPECT_EQ(run.read_rest(), "0\n1\n2\n");
}

TEST_P(Stubs, TheProgramStartsWithDefaultSignals) {
  StubRun run(spec_for({"print_signals"}), refused_);
  const std::string zero = ":\t0000000000000000\n";
  EXPECT_EQ(run.read_rest(), "SigPnd" + zero + "ShdPnd" + zero + "SigBlk" + zero + "SigIgn" + zero +
                                 "SigCgt" + zero);
}

TEST_P(Stubs, WhatFailsBeforeTheProgramIsToldAsEver) {
  StubRun run(spec_for({"/no/such"}), refused_);
  EXPECT_EQ(run.failure(), "exec: enoent");
  EXPECT_EQ(run.end(), kDone);
  auto spec = spec_for({"/bin/true"});
  spec.cd = "/no/such";
  EXPECT_EQ(StubRun(spec, refused_).failure(), "chdir: enoent");
  spec = spec_for({"/bin/true"});
  spec.who.limits = {{RLIMIT_NOFILE, {2, 1}}};
  EXPECT_EQ(StubRun(spec, refused_).failure(), "rlimit: einval (nofile)");
}

TEST_P(Stubs, ABadSpecIsRefused) {
  auto spec = spec_for({"/bin/true", std::string("a\0b", 3)});
  EXPECT_EQ(StubRun(spec, refused_).failure(), "option: einval (args)");
  spec = spec_for({"/bin/true"});
  spec.cgroup_fd = 3;
  EXPECT_EQ(StubRun(spec, refused_).failure(), "option: einval (cgroup_fd)");
  spec = spec_for({"/bin/true"});
  spec.who.uid = 1;
  EXPECT_EQ(StubRun(spec, refused_).failure(), "ids: einval (gid)");
}

// As a user of our own, so that the limit counts nobody else: not a test beside this one, nor what
// the last call has left to die.
std::string failure_with_processes(rlim_t most, Refused refused) {
  auto pipe = make_pipe();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit limit = {most, most};
    const auto user = static_cast<uid_t>(100'000'000 + ::getpid());
    const bool ready = ::setrlimit(RLIMIT_NPROC, &limit) == 0 && ::setresuid(user, user, user) == 0;
    const auto text = ready ? StubRun(spec_for({"/bin/true"}), refused).failure() : "not ready";
    ::_exit(::write(pipe->write.get(), text.data(), text.size()) < 0 ? 1 : 0);
  }
  pipe->write.reset();
  auto text = read_all(pipe->read.get());
  ::waitpid(pid, nullptr, 0);
  return *text;
}

TEST_P(Stubs, AForkThatFailsIsTold) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become a user with a limit";
  EXPECT_EQ(failure_with_processes(1, refused_), "fork: eagain");  // of the stub
  EXPECT_EQ(failure_with_processes(2, refused_), "fork: eagain");  // of the leader
  EXPECT_EQ(failure_with_processes(3, refused_), "ok");
}

// ---- Requests

TEST_P(Stubs, CountsTheLiving) {
  StubRun run(spec_for({"fork_bomb", "20"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  EXPECT_EQ(run.count(), 20U);
  EXPECT_EQ(run.signal(SIGKILL, true), 0);
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->status, (ExitStatus{false, SIGKILL, false}));
  EXPECT_EQ(exited->others, 19U);
  EXPECT_EQ(run.count(), 19U);
}

TEST_P(Stubs, AProcessWithoutItsMainThreadCounts) {
  auto input = make_pipe();
  auto spec = spec_for({"zombie_leader", "5"});
  spec.stdio[0] = input->read.get();
  StubRun run(spec, refused_);
  ASSERT_EQ(run.read_line(), "ready");
  EXPECT_EQ(run.count(), 1U);
  input->write.reset();
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->status.code, 5);
}

TEST_P(Stubs, SignalsReachTheLeader) {
  StubRun run(spec_for({"slow_term", "10"}), refused_);
  ASSERT_EQ(run.read_line(), "ready");
  EXPECT_EQ(run.signal(SIGTERM, true), 0);
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->status, kDone);
  EXPECT_EQ(run.end(), kDone);
}

TEST_P(Stubs, SignalsReachADaemon) {
  StubRun run(spec_for({"daemonize"}), refused_);
  const auto daemon = std::stol(run.read_line());
  const auto exited = run.next<StubLeaderExited>();
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->others, 1U);
  EXPECT_EQ(run.signal(SIGTERM, true), ESRCH);
  EXPECT_EQ(run.signal(999), EINVAL);
  EXPECT_EQ(run.signal(SIGTERM), 0);
  EXPECT_EQ(run.end(), kDone);
  EXPECT_FALSE(read_proc_stat(static_cast<pid_t>(daemon)));
}

TEST_P(Stubs, AfterItsEndThereIsOnlyTheEnd) {
  StubRun run(spec_for({"/bin/true"}), refused_);
  EXPECT_EQ(run.end(), kDone);
  EXPECT_TRUE(std::holds_alternative<StubLeader>(*read_stub(run.control())));
  EXPECT_TRUE(std::holds_alternative<StubLeaderExited>(*read_stub(run.control())));
  EXPECT_TRUE(std::holds_alternative<StubClosed>(*read_stub(run.control())));
  EXPECT_TRUE(std::holds_alternative<StubClosed>(*read_stub(run.control())));
  EXPECT_EQ(stub_kill(run.control()).error().code, EPIPE);
}

TEST_P(Stubs, ManySessionsLeaveNothingBehind) {
  const int before = test::open_descriptors();
  for (int i = 0; i < 200; ++i) StubRun(spec_for({"/bin/true"}), refused_).end();
  EXPECT_EQ(test::open_descriptors(), before);
  EXPECT_EQ(::waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

// As when a stop goes on while its last process is dying: unix(7) tells of the reset before what
// was sent.
TEST(StubEvents, ComeFromOneThatHasNotReadAllBeforeItsEnd) {
  std::array<int, 2> ends = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd worker(ends[0]);
  UniqueFd stub(ends[1]);
  ASSERT_TRUE(stub_signal(worker.get(), SIGTERM, true));
  StubWord word;
  word.kind = StubWord::Kind::kLeaderExited;
  word.status = {.exited = false, .code = SIGTERM};
  ASSERT_EQ(::send(stub.get(), &word, sizeof word, 0), ssize_t{sizeof word});
  stub.reset();
  const auto first = read_stub(worker.get());
  ASSERT_TRUE(first);
  const auto* exited = std::get_if<StubLeaderExited>(&*first);
  ASSERT_NE(exited, nullptr);
  EXPECT_EQ(exited->status, word.status);
  const auto second = read_stub(worker.get());
  ASSERT_TRUE(second);
  EXPECT_TRUE(std::holds_alternative<StubClosed>(*second));
}

}  // namespace
}  // namespace contained::process
