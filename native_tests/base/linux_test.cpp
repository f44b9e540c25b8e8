// The numbers of base/linux.hpp, against the kernel that runs and the headers at hand.
#include "base/linux.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>

#include "base/unique_fd.hpp"
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif

namespace contained {
namespace {

bool refused() { return errno == ENOSYS || errno == EPERM; }

TEST(Linux, CloneArgsIsTheHeadersOwn) {
  static_assert(offsetof(CloneArgs, exit_signal) == offsetof(clone_args, exit_signal));
  static_assert(offsetof(CloneArgs, tls) == offsetof(clone_args, tls));
#ifdef CLONE_ARGS_SIZE_VER2
  static_assert(offsetof(CloneArgs, cgroup) == offsetof(clone_args, cgroup));
  static_assert(sizeof(CloneArgs) == CLONE_ARGS_SIZE_VER2);
#endif
}

TEST(Linux, OpenHowIsTheHeadersOwn) {
#if __has_include(<linux/openat2.h>)
  static_assert(sizeof(OpenHow) == sizeof(open_how));
  static_assert(offsetof(OpenHow, resolve) == offsetof(open_how, resolve));
#else
  GTEST_SKIP() << "needs linux/openat2.h to compare with";
#endif
}

TEST(Linux, PidfdsNameAndSignalAProcess) {
  const UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!self && refused()) GTEST_SKIP() << "needs a kernel that has pidfd_open";
  ASSERT_TRUE(self);
  EXPECT_EQ(::syscall(SYS_pidfd_send_signal, self.get(), 0, nullptr, 0), 0);
}

TEST(Linux, Clone3GivesAPidfd) {
  int pidfd = -1;
  CloneArgs args;
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid == 0) ::_exit(0);
  if (pid < 0 && refused()) GTEST_SKIP() << "needs a kernel that has clone3";
  ASSERT_GT(pid, 0);
  const UniqueFd owned(pidfd);
  EXPECT_TRUE(owned);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST(Linux, Clone3KnowsIntoCgroup) {
  CloneArgs args;
  args.flags = CLONE_INTO_CGROUP;
  args.exit_signal = SIGCHLD;
  args.cgroup = 1U << 30;
  const auto pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) ::_exit(0);
  if (refused() || errno == E2BIG) GTEST_SKIP() << "needs Linux 5.7";
  EXPECT_EQ(pid, -1);
  EXPECT_EQ(errno, EBADF);
}

TEST(Linux, CloseRangeCloses) {
  const int fd = ::fcntl(STDERR_FILENO, F_DUPFD, 900);
  ASSERT_GE(fd, 900);
  if (::syscall(SYS_close_range, fd, fd, 0) != 0 && refused()) {
    ::close(fd);
    GTEST_SKIP() << "needs a kernel that has close_range";
  }
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST(Linux, Openat2ResolvesBeneath) {
  OpenHow how;
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH;
  const UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how)));
  if (!fd && refused()) GTEST_SKIP() << "needs a kernel that has openat2";
  EXPECT_FALSE(fd);
  EXPECT_EQ(errno, EXDEV);
}

}  // namespace
}  // namespace contained
