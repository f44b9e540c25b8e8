#include "process/child_setup.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "support/child_half.hpp"
#include "support/child_run.hpp"
#include "support/temp_dir.hpp"

namespace contained::process {
namespace {

using test::ChildHalf;
using test::Prepare;

std::string failure_with(const Prepare& prepare) {
  ChildHalf setup({"/bin/true"}, prepare);
  auto failure = setup.failure();
  EXPECT_EQ(setup.exit_code(), 127);
  return failure;
}

void open_many(ChildPlan&) {
  for (int i = 0; i < 500; ++i) ::open("/dev/null", O_RDONLY);
}

void enter(ChildPlan& plan, int procs) { plan.attach_fds[plan.attach_count++] = procs; }

TEST(ChildSetup, EachStageFailsByItsName) {
  EXPECT_EQ(failure_with([](ChildPlan& plan) { plan.stdio[1] = 999; }), "stdio: ebadf");
  EXPECT_EQ(failure_with([](ChildPlan& plan) { plan.stdio[2] = -1; }), "stdio: ebadf");
  EXPECT_EQ(failure_with([](ChildPlan& plan) { enter(plan, ::open("/dev/full", O_WRONLY)); }),
            "cgroup: enospc");
  EXPECT_EQ(failure_with([](ChildPlan&) { ::setpgid(0, 0); }), "session: eperm");
  EXPECT_EQ(failure_with([](ChildPlan& plan) { plan.cd = "/no/such"; }), "chdir: enoent");
  EXPECT_EQ(failure_with([](ChildPlan& plan) { plan.program = "/no/such"; }), "exec: enoent");
}

TEST(ChildSetup, ABadLimitIsRefused) {
  static constexpr rlimit kSoftAboveHard = {2, 1};
  EXPECT_EQ(failure_with([](ChildPlan& plan) { plan.open_files = &kSoftAboveHard; }),
            "rlimit: einval");
}

TEST(ChildSetup, GivesUpWithoutAWordWhenTheParentIsAnother) {
  ChildHalf setup({"print_fds"}, [](ChildPlan& plan) { plan.parent = 1; });
  EXPECT_EQ(setup.failure(), "");
  EXPECT_EQ(setup.exit_code(), 127);
  EXPECT_EQ(setup.out(), "");
}

TEST(ChildSetup, ClosesTheRest) {
  EXPECT_EQ(ChildHalf({"print_fds"}, open_many).out(), "0\n1\n2\n");
}

TEST(ChildSetup, ClosesTheRestByListingWhereCloseRangeIsRefused) {
  const auto refused = [](ChildPlan& plan) {
    open_many(plan);
    plan.close_range_refused = true;
  };
  EXPECT_EQ(ChildHalf({"print_fds"}, refused).out(), "0\n1\n2\n");
}

TEST(ChildSetup, ListsEvenWithAFullTable) {
  const auto full = [](ChildPlan& plan) {
    constexpr rlimit kFew = {64, 64};
    plan.status_fd = ::fcntl(plan.status_fd, F_DUPFD_CLOEXEC, 10);
    ::setrlimit(RLIMIT_NOFILE, &kFew);
    open_many(plan);
    plan.close_range_refused = true;
  };
  EXPECT_EQ(ChildHalf({"print_fds"}, full).out(), "0\n1\n2\n");
}

void hide_proc(ChildPlan& plan) {
  open_many(plan);
  plan.close_range_refused = true;
  const bool hidden = ::unshare(CLONE_NEWNS) == 0 &&
                      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                      ::mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
  if (!hidden) plan.program = "/proc could not be hidden";
}

TEST(ChildSetup, ClosesTheRestOneByOneWithoutProc) {
  ChildHalf setup({"print_fds"}, hide_proc);
  if (!setup.failure().empty()) GTEST_SKIP() << "needs a mount namespace (root)";
  EXPECT_EQ(setup.out(), "0\n1\n2\n");
}

TEST(ChildSetup, AttachesByWritingZeroAndClosesThat) {
  const test::TempDir dir;
  const auto procs = dir.file("cgroup.procs", "", 0600);
  ChildHalf setup({"print_fds"},
                  [&](ChildPlan& plan) { enter(plan, ::open(procs.c_str(), O_WRONLY)); });
  EXPECT_EQ(setup.out(), "0\n1\n2\n");
  EXPECT_EQ(*read_file_at(AT_FDCWD, procs), "0");
}

TEST(ChildSetup, ResetsMaskAndDispositions) {
  const auto spoil = [](ChildPlan&) {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    for (int number = 1; number <= SIGRTMAX; ++number) ::signal(number, SIG_IGN);
  };
  const std::string zero = ":\t0000000000000000\n";
  EXPECT_EQ(
      ChildHalf({"print_signals"}, spoil).out(),
      "SigPnd" + zero + "ShdPnd" + zero + "SigBlk" + zero + "SigIgn" + zero + "SigCgt" + zero);
}

TEST(ChildSetup, ResetsNoMoreThanItIsTold) {
  const auto ignore_two = [](ChildPlan& plan) {
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGUSR1, SIG_IGN);
    plan.reset_signals = SignalBits{1} << (SIGPIPE - 1);
  };
  const auto out = ChildHalf({"print_signals"}, ignore_two).out();
  EXPECT_NE(out.find("SigIgn:\t0000000000000200\n"), std::string::npos) << out;
}

// Puts a file of the number's name on each of the descriptors 0 to 5, but for the status pipe's.
void occupy(const test::TempDir& dir, ChildPlan& plan, int status_at) {
  const int status = ::fcntl(plan.status_fd, F_DUPFD_CLOEXEC, 100);
  for (int fd = 0; fd <= 5; ++fd) {
    const int file = ::open(dir.path(std::to_string(fd)).c_str(), O_RDWR | O_CREAT, 0600);
    if (file != fd) ::dup3(file, fd, O_CLOEXEC);
  }
  ::dup3(status, status_at, O_CLOEXEC);
  plan.status_fd = status_at;
}

std::string name_of(pid_t pid, int fd) {
  const auto link = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
  return std::filesystem::read_symlink(link).filename().string();
}

void expect_in_place(const test::TempDir& dir, const std::array<int, 3>& stdio, int status_at) {
  ChildHalf setup({"stop_self"}, [&](ChildPlan& plan) {
    occupy(dir, plan, status_at);
    plan.stdio = stdio;
  });
  ASSERT_TRUE(setup.stopped()) << setup.failure();
  for (int fd = 0; fd <= 2; ++fd) {
    EXPECT_EQ(name_of(setup.pid(), fd), std::to_string(stdio[static_cast<std::size_t>(fd)]))
        << stdio[0] << stdio[1] << stdio[2] << " status " << status_at;
  }
}

TEST(ChildSetup, PutsAnyThreeDescriptorsInPlace) {
  const test::TempDir dir;
  for (const int status_at : {1, 3, 4, 5}) {
    for (int mix = 0; mix < 6 * 6 * 6; ++mix) {
      const std::array<int, 3> stdio = {mix / 36, mix / 6 % 6, mix % 6};
      const bool taken = stdio[0] == status_at || stdio[1] == status_at || stdio[2] == status_at;
      if (!taken) expect_in_place(dir, stdio, status_at);
    }
  }
}

}  // namespace
}  // namespace contained::process
