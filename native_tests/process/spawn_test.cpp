#include "process/spawn.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/linux.hpp"
#include "base/proc.hpp"
#include "support/child_run.hpp"
#include "support/temp_dir.hpp"

namespace contained::process {
namespace {

using test::failure_of;
using test::run;
using test::Running;
using test::spec_for;

constexpr Refused kNothing;
constexpr Refused kClone3{.clone3 = true};
constexpr Refused kCloseRange{.close_range = true};
constexpr Refused kEverything{.clone3 = true, .pidfd_open = true, .close_range = true};

// Each test by every way there is to start a process.
class Spawning : public ::testing::TestWithParam<Refused> {
 protected:
  Refused refused_ = GetParam();
};

std::string way(const ::testing::TestParamInfo<Refused>& info) {
  static const std::vector<std::string> kNames = {"Clone3", "Fork", "NoCloseRange", "NothingNew"};
  return kNames[info.index];
}

INSTANTIATE_TEST_SUITE_P(By, Spawning,
                         ::testing::Values(kNothing, kClone3, kCloseRange, kEverything), way);

std::string joined(const std::vector<std::string>& strings) {
  std::string all;
  for (const auto& string : strings) all += string + '\0';
  return all;
}

TEST_P(Spawning, RunsAProgram) {
  const auto outcome = run(spec_for({"/bin/echo", "hello"}), refused_);
  EXPECT_EQ(failure_of(outcome), "ok");
  EXPECT_EQ(outcome.out, "hello\n");
  EXPECT_EQ(outcome.status, (ExitStatus{true, 0, false}));
}

TEST_P(Spawning, HandsArgumentsOverByteForByte) {
  auto spec = spec_for({"print_args", "", "a b", "new\nline", "\xff\xfe latin1 \xe9", "--"});
  spec.args[0] = "another name";
  spec.args.emplace_back(131071, 'x');  // MAX_ARG_STRLEN is 32 pages with the NUL, execve(2)
  const auto outcome = run(spec, refused_);
  EXPECT_EQ(failure_of(outcome), "ok");
  EXPECT_TRUE(outcome.out == joined(spec.args));
}

TEST_P(Spawning, HandsTheEnvironmentOverByteForByte) {
  auto spec = spec_for({"/bin/cat", "/proc/self/environ"});
  spec.env = {"EMPTY=", "A=1=2", "BYTES=\xff\x80\n", "A=again"};
  EXPECT_EQ(run(spec, refused_).out, joined(spec.env));
}

TEST_P(Spawning, GivesAnEmptyEnvironment) {
  auto spec = spec_for({"/bin/cat", "/proc/self/environ"});
  spec.env.clear();
  EXPECT_EQ(run(spec, refused_).out, "");
}

TEST_P(Spawning, StartsInTheDirectory) {
  const test::TempDir dir;
  auto spec = spec_for({"/bin/pwd"});
  spec.cd = dir.path();
  EXPECT_EQ(run(spec, refused_).out, std::filesystem::canonical(dir.path()).string() + "\n");
}

TEST_P(Spawning, StaysInOurDirectoryByDefault) {
  EXPECT_EQ(run(spec_for({"/bin/pwd"}), refused_).out,
            std::filesystem::current_path().string() + "\n");
}

TEST_P(Spawning, HandsOverNoDescriptorBeyondTheThree) {
  std::vector<UniqueFd> many;
  many.reserve(500);
  for (int i = 0; i < 500; ++i) many.emplace_back(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(run(spec_for({"print_fds"}), refused_).out, "0\n1\n2\n");
}

TEST_P(Spawning, OneDescriptorMayServeTwice) {
  auto pipe = make_pipe();
  auto spec = spec_for({"one_byte_writes", "20", "both"});
  spec.stdio[2] = spec.stdio[1] = pipe->write.get();
  auto spawned = spawn(spec, refused_);
  ASSERT_TRUE(spawned);
  pipe->write.reset();
  EXPECT_EQ(*read_all(pipe->read.get()), "01234567890123456789");
  test::reap(spawned->child);
}

// Ours while it lives: a mask, a handler, and what ERTS ignores with one more.
class SpoiltSignals {
 public:
  SpoiltSignals() {
    sigset_t some;
    ::sigemptyset(&some);
    for (const int number : {SIGTERM, SIGCHLD, SIGRTMIN + 3}) ::sigaddset(&some, number);
    ::sigprocmask(SIG_SETMASK, &some, &before_);
    for (const int number : kIgnored) ::signal(number, SIG_IGN);
    ::signal(SIGUSR1, [](int) {});
  }
  SpoiltSignals(const SpoiltSignals&) = delete;
  SpoiltSignals& operator=(const SpoiltSignals&) = delete;
  ~SpoiltSignals() {
    for (const int number : kIgnored) ::signal(number, SIG_DFL);
    ::signal(SIGUSR1, SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

  static bool mask_is_ours() {
    sigset_t now;
    ::sigprocmask(SIG_SETMASK, nullptr, &now);
    return ::sigismember(&now, SIGTERM) == 1 && ::sigismember(&now, SIGINT) == 0;
  }

 private:
  static constexpr std::array<int, 4> kIgnored = {SIGPIPE, SIGFPE, SIGHUP, 50};
  sigset_t before_ = {};
};

TEST_P(Spawning, StartsWithDefaultSignalsAndAnEmptyMask) {
  const SpoiltSignals spoilt;
  const std::string zero = ":\t0000000000000000\n";
  EXPECT_EQ(
      run(spec_for({"print_signals"}), refused_).out,
      "SigPnd" + zero + "ShdPnd" + zero + "SigBlk" + zero + "SigIgn" + zero + "SigCgt" + zero);
  EXPECT_TRUE(SpoiltSignals::mask_is_ours());
}

TEST_P(Spawning, LeadsASessionOfItsOwn) {
  Running running(spec_for({"never_read_stdin"}), refused_);
  ASSERT_EQ(running.read_line(), "ready");
  EXPECT_EQ(::getsid(running.pid()), running.pid());
  EXPECT_EQ(::getpgid(running.pid()), running.pid());
  EXPECT_EQ(read_proc_stat(running.pid()).value().ppid, ::getpid());
}

TEST_P(Spawning, GivesTheLimitOfOpenFilesBack) {
  auto spec = spec_for({"/bin/sh", "-c", "ulimit -Sn; ulimit -Hn"});
  spec.open_files = rlimit{200, 300};
  EXPECT_EQ(run(spec, refused_).out, "200\n300\n");
}

TEST_P(Spawning, EntersTheGroupsItIsGiven) {
  const test::TempDir dir;
  std::vector<UniqueFd> groups;
  auto spec = spec_for({"print_fds"});
  for (std::size_t i = 0; i < kMostAttachments; ++i) {
    groups.emplace_back(::open(dir.path(std::to_string(i)).c_str(), O_WRONLY | O_CREAT, 0600));
    spec.attach_fds.push_back(groups.back().get());
  }
  EXPECT_EQ(run(spec, refused_).out, "0\n1\n2\n");
  for (std::size_t i = 0; i < kMostAttachments; ++i) {
    EXPECT_EQ(*read_file_at(AT_FDCWD, dir.path(std::to_string(i))), "0") << i;
  }
  spec.attach_fds.push_back(0);
  EXPECT_EQ(failure_of(run(spec, refused_)), "option: einval (attach_fds)");
}

TEST_P(Spawning, AThousandLeaveNothingBehind) {
  const int before = test::open_descriptors();
  for (int i = 0; i < 1000; ++i) {
    auto spawned = spawn(spec_for({"/bin/true"}), refused_);
    ASSERT_TRUE(spawned);
    ASSERT_EQ(test::reap(spawned->child), (ExitStatus{true, 0, false}));
  }
  EXPECT_EQ(test::open_descriptors(), before);
  EXPECT_EQ(::waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_P(Spawning, TheStatusPipeIsSilentUntilTheProgramRuns) {
  auto pipe = make_pipe();
  EXPECT_EQ(::fcntl(pipe->read.get(), F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(read_exec_status(pipe->read.get()).state, ExecState::kPending);
  pipe->write.reset();
  EXPECT_EQ(read_exec_status(pipe->read.get()).state, ExecState::kDone);
  const auto spawned = spawn(spec_for({"/bin/true"}), refused_);
  ASSERT_TRUE(spawned);
  EXPECT_EQ(test::exec_status(spawned.value()).state, ExecState::kDone);
  ::waitpid(spawned.value().child.pid(), nullptr, 0);
}

// A spawner of our own, to be killed; it tells the pid of its child.
pid_t fork_spawner(Refused refused, int tell) {
  const pid_t spawner = ::fork();
  if (spawner != 0) return spawner;
  auto spec = spec_for({"ignore_term"});
  spec.stdio[1] = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const auto spawned = spawn(spec, refused);
  const pid_t child = spawned ? spawned.value().child.pid() : 0;
  if (spawned) test::exec_status(spawned.value());
  if (::write(tell, &child, sizeof child) == sizeof child) ::pause();
  ::_exit(1);
}

TEST_P(Spawning, TheChildDiesWithItsSpawner) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto pipe = make_pipe();
  const pid_t spawner = fork_spawner(refused_, pipe->write.get());
  pid_t child = 0;
  ASSERT_EQ(::read(pipe->read.get(), &child, sizeof child), ssize_t{sizeof child});
  ASSERT_GT(child, 0);
  ::kill(spawner, SIGKILL);
  ASSERT_EQ(::waitpid(spawner, nullptr, 0), spawner);
  int status = 0;
  EXPECT_TRUE(test::eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; }));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

bool raw_call_is_refused(long number) {
  const auto result = ::syscall(number, nullptr, 0, 0);  // EINVAL or EBADF where it is known
  return result < 0 && (errno == ENOSYS || errno == EPERM);
}

TEST(Probe, SaysWhatTheKernelRefuses) {
  const bool denied = ::getenv("CONTAINED_TEST_DENIED") != nullptr;
  Refused refused;
  probe(refused);
  EXPECT_EQ(refused.clone3, denied || raw_call_is_refused(SYS_clone3));
  EXPECT_EQ(refused.pidfd_open, denied || raw_call_is_refused(SYS_pidfd_open));
}

TEST(Probe, KeepsWhatItWasTold) {
  Refused refused = kEverything;
  probe(refused);
  EXPECT_TRUE(refused.clone3 && refused.pidfd_open && refused.close_range);
}

// All of the above once more in a process whose kernel calls are refused by a seccomp filter.
class UnderAFilter : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Spawning, UnderAFilter, ::testing::Values("EPERM", "ENOSYS"));

TEST_P(UnderAFilter, TheFallbacksServe) {
  auto spec =
      spec_for({"deny_syscalls", GetParam(), "clone3,pidfd_open,close_range,pidfd_send_signal",
                "--", "/proc/self/exe", "--gtest_filter=By/Spawning.*/Clone3:Probe.*"});
  spec.args[4] = std::filesystem::read_symlink("/proc/self/exe").string();
  spec.env.emplace_back("CONTAINED_TEST_DENIED=1");
  Refused refused;
  const auto outcome = run(spec, refused);
  EXPECT_EQ(outcome.status, (ExitStatus{true, 0, false})) << outcome.out;
  EXPECT_NE(outcome.out.find("[       OK ] By/Spawning.RunsAProgram/Clone3"), std::string::npos);
}

}  // namespace
}  // namespace contained::process
