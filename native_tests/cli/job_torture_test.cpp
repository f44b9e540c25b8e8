// Jobs that are treated badly: cases 101 to 112 of the torture list, by number, and what else must
// hold.
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <fstream>

#include "base/file.hpp"
#include "cli/job_cli.hpp"
#include "job/address.hpp"
#include "job/client.hpp"

namespace contained::test {
namespace {

constexpr uid_t kSomebody = 12345;

class JobTorture : public JobCli {
 protected:
  // A shell whose child lives in a session of its own.
  void start_family(const std::string& name) const {
    const auto script = "setsid sleep 300 & echo $!; exec sleep 300";
    ASSERT_EQ(code({"run", name, "sh", "-c", script}), 0);
    ASSERT_TRUE(before_long([&] { return content(log_of(name)).ends_with("\n"); }));
  }
  pid_t child_of(const std::string& name) const { return std::stoi(content(log_of(name))); }

  bool is_over(const std::string& name) const { return !entry(name).running(); }

  job::Client client(const std::string& name) const {
    const auto space = job::Namespace::open(space_);
    return std::move(*job::Client::connect(space->job(name)->get()));
  }
  static int code_of(const Result<std::vector<std::string>>& answer) {
    return answer ? 0 : answer.error().code;
  }
};

// The lines of a log in the order of their files.
std::string whole_log(const std::string& log) {
  std::string text;
  for (int i = 1; std::filesystem::exists(log + "." + std::to_string(i)); ++i) {
    text += content(log + "." + std::to_string(i));
  }
  return text + content(log);
}

TEST_F(JobTorture, LogIsCompleteToTheByteAcrossRotations) {
  ASSERT_EQ(code({"run", "--log-size", "64K", "--keep", "1000", "a", "seq", "200000"}), 0);
  ASSERT_EQ(code({"wait", "a"}), 0);
  std::string expected;
  for (int i = 1; i <= 200000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_TRUE(whole_log(log_of("a")) == expected);
  EXPECT_TRUE(std::filesystem::exists(log_of("a") + ".2")) << "there were rotations";
  EXPECT_EQ(entry("a").outcome->log_dropped, 0U);
}

TEST_F(JobTorture, SurvivesTheDeathOfWhoeverStartedItAndOfHisSession) {
  auto words = asked({"run", "a", "sleep", "300"});
  auto starter = words;
  starter.words = {"/bin/sh", "-c", "\"$@\"; echo done; sleep 300", "sh"};
  starter.words.insert(starter.words.end(), words.words.begin(), words.words.end());
  Program shell(starter);
  ASSERT_TRUE(shell.wait_for_output("done"));
  ::kill(-shell.pid(), SIGKILL);
  shell.wait_for_exit();
  EXPECT_TRUE(runs("a"));
  EXPECT_EQ(code({"stop", "a"}), 0);
}

TEST_F(JobTorture, StartsNothingThatAContainedCommandWouldKill) {
  auto nested = contained({"run", "--"});
  const auto inner = asked({"run", "a", "sleep", "300"});
  nested.env = inner.env;
  nested.words.insert(nested.words.end(), inner.words.begin(), inner.words.end());
  const auto came = run_program(nested);
  EXPECT_EQ(came.code(), 125);
  EXPECT_NE(came.err.find("a would not outlive us: we run below process"), std::string::npos)
      << came.err;
}

TEST_F(JobTorture, AForkBombIsGoneAfterAStop) {
  const auto bomb = std::string(CONTAINED_HELPERS_DIR) + "/fork_bomb";
  const auto started = job({"run", "--pids", "50", "--on-unsupported", "ignore", "a", bomb});
  ASSERT_EQ(started.code(), 0) << started.err;
  EXPECT_EQ(code({"kill", "a"}), 0);
  const auto groups = entry("a").job.groups;
  EXPECT_EQ(entry("a").outcome->unkilled, 0U);
  for (const auto& group : groups) EXPECT_FALSE(std::filesystem::exists(group.path));
}

// The files of one, under many names.
TEST_F(JobTorture, AThousandAreListed) {
  ASSERT_EQ(code({"run", "a", "sleep", "300"}), 0);
  for (int i = 1; i < 1000; ++i) {
    const auto name = "job" + std::to_string(i);
    std::filesystem::create_directory(file_of(name, ""));
    std::filesystem::copy(file_of("a", "job"), file_of(name, "job"));
  }
  const auto space = job::Namespace::open(space_);
  const auto all = job::list(*space);
  ASSERT_EQ(all.size(), 1000U);
  for (const auto& entry : all) {
    ASSERT_TRUE(entry.running());
    ASSERT_EQ(job::processes(*space, entry).size(), 1U) << entry.name;
  }
  for (const auto& entry : all) {
    if (entry.name != "a") std::filesystem::remove_all(file_of(entry.name, ""));
  }
}

// 101: the log cannot be written: EFBIG here, as ENOSPC.
TEST_F(JobTorture, Case101AFullLogHoldsNobodyUpAndIsCounted) {
  auto limited = asked({"run", "a", "sh", "-c", "seq 20000; exit 3"});
  limited.words.insert(limited.words.begin(), {"/usr/bin/prlimit", "--fsize=8192"});
  ASSERT_EQ(run_program(limited).code(), 0);
  EXPECT_EQ(code({"wait", "a"}), 3);
  EXPECT_GT(entry("a").outcome->log_dropped, 0U);
}

// 103
TEST_F(JobTorture, Case103ALogThatIsRenamedIsMadeAnew) {
  const auto go = temp_.path("go");
  const auto script = "echo one; while ! test -e " + go + "; do sleep 0.02; done; echo two";
  ASSERT_EQ(code({"run", "a", "sh", "-c", script}), 0);
  ASSERT_TRUE(before_long([&] { return content(log_of("a")) == "one\n"; }));
  std::filesystem::rename(log_of("a"), log_of("a") + ".aside");
  ASSERT_EQ(code_of(client("a").ask("reopen", false, job::after(std::chrono::seconds(60)))), 0);
  ASSERT_TRUE(before_long([&] { return std::filesystem::exists(log_of("a")); }));
  std::ofstream(go).put('x');
  EXPECT_EQ(code({"wait", "a"}), 0);
  EXPECT_EQ(content(log_of("a")), "two\n");
}

// 104
TEST_F(JobTorture, Case104LogsThatAreNoFilesAreRefused) {
  const auto refused = [&](const std::string& path) {
    const auto came = job({"run", "-l", path, "a", "sleep", "300"});
    EXPECT_EQ(came.code(), 125) << path;
    EXPECT_NE(came.err.find(path), std::string::npos) << came.err;
    EXPECT_FALSE(runs("a")) << path;
  };
  ::mkfifo(temp_.path("fifo").c_str(), 0600);
  refused(temp_.path("fifo"));
  std::filesystem::create_symlink("/etc/passwd", temp_.path("link"));
  refused(temp_.path("link"));
  refused("/dev/null");
  refused(temp_.path("none/log"));
}

// 106
TEST_F(JobTorture, Case106OfTwoThatStartOneWins) {
  for (int i = 0; i < 8; ++i) {
    Program first(asked({"run", "a", "sleep", "300"}));
    Program second(asked({"run", "a", "sleep", "300"}));
    const auto one = first.wait();
    const auto two = second.wait();
    ASSERT_EQ(std::min(one.code(), two.code()), 0) << one.err << two.err;
    ASSERT_EQ(std::max(one.code(), two.code()), 1) << one.err << two.err;
    const auto& loser = one.code() == 1 ? one : two;
    const auto pid = std::to_string(entry("a").job.leader.pid);
    EXPECT_NE(loser.err.find("already running (pid " + pid + ")"), std::string::npos) << loser.err;
    ASSERT_EQ(code({"kill", "a"}), 0);
  }
}

// 106, 108
TEST_F(JobTorture, Case108AKilledWorkerTakesTheJobWithIt) {
  start_family("a");
  const auto told = entry("a").job;
  const auto child = child_of("a");
  ::kill(told.worker.pid, SIGKILL);
  EXPECT_TRUE(before_long([&] { return is_over("a"); }));
  EXPECT_TRUE(!lives(told.leader.pid));
  EXPECT_TRUE(!lives(child));
  EXPECT_EQ(code({"check", "a"}), 1);
  EXPECT_EQ(job({"check", "-v", "a"}).out, "a: supervisor_died, signaled 9\n");
  EXPECT_EQ(code({"wait", "a"}), 125);
  EXPECT_TRUE(before_long([&] { return code({"run", "a", "sleep", "300"}) == 0; }));
}

TEST_F(JobTorture, Case108AKilledGuardianTakesTheJobWithIt) {
  start_family("a");
  const auto told = entry("a").job;
  const auto child = child_of("a");
  ::kill(told.guardian.pid, SIGKILL);
  EXPECT_TRUE(before_long([&] { return is_over("a"); }));
  EXPECT_EQ(state("a"), "supervisor_died");
  EXPECT_TRUE(before_long([&] { return !lives(told.leader.pid) && !lives(child); }));
  EXPECT_EQ(code({"check", "a"}), 1);
  EXPECT_EQ(code({"stop", "a"}), 1);
  EXPECT_TRUE(before_long([&] { return code({"run", "a", "sleep", "300"}) == 0; }));
}

TEST_F(JobTorture, Case108OfBothKilledGcCleansUp) {
  start_family("a");
  const auto told = entry("a").job;
  const auto child = child_of("a");
  // The worker first: it would clean up, and so would its guardian.
  ::kill(told.guardian.pid, SIGSTOP);
  ::kill(told.worker.pid, SIGKILL);
  ::kill(told.guardian.pid, SIGKILL);
  EXPECT_TRUE(before_long([&] { return is_over("a"); }));
  EXPECT_TRUE(before_long([&] { return !lives(told.leader.pid); })) << "its parent death signal";
  EXPECT_EQ(job({"gc"}).out, "removed a (supervisor_died)\n");
  if (told.groups.empty()) GTEST_SKIP() << "needs control groups: nobody else knows the child";
  EXPECT_TRUE(!lives(child));
  EXPECT_FALSE(std::filesystem::exists(told.groups.front().path));
}

TEST_F(JobTorture, AHookThatIsDueIsRunByRelease) {
  const auto told = temp_.path("told");
  for (const char* no_hook : {"-n", ""}) {
    ASSERT_EQ(code({"run", "-c", "echo $CONTAINED_REASON > " + told, "a", "sleep", "300"}), 0);
    const auto job_file = entry("a").job;
    ::kill(job_file.guardian.pid, SIGKILL);
    ASSERT_TRUE(before_long([&] { return is_over("a"); }));
    Words release = {"release", "a"};
    if (*no_hook != '\0') release.emplace_back(no_hook);
    ASSERT_EQ(code(release), 0);
    EXPECT_EQ(content(told), *no_hook != '\0' ? "" : "supervisor_died\n");
  }
}

// 107
TEST_F(JobTorture, Case107StopsMeetStartsAndEachOther) {
  Program starting(asked({"run", "a", "sleep", "300"}));
  const auto early = code({"stop", "a"});
  EXPECT_TRUE(early == 0 || early == 1) << early;
  EXPECT_EQ(starting.wait().code(), 0);
  EXPECT_EQ(code({"stop", "a"}), early == 1 ? 0 : 1);
  ASSERT_EQ(code({"run", "b", "sleep", "300"}), 0);
  Program first(asked({"stop", "b"}));
  Program second(asked({"stop", "b"}));
  const auto one = first.wait().code();
  const auto two = second.wait().code();
  EXPECT_EQ(std::min(one, two), 0);
  EXPECT_LE(std::max(one, two), 1);
  EXPECT_EQ(code({"stop", "b"}), 1);
}

TEST_F(JobTorture, AKeeperThatDoesNotAnswerIsKilled) {
  start_family("a");
  const auto told = entry("a").job;
  const auto child = child_of("a");
  std::filesystem::remove(file_of("a", "control"));
  EXPECT_EQ(code({"stop", "a"}), 0);
  EXPECT_TRUE(!lives(told.leader.pid));
  EXPECT_TRUE(!lives(child));
}

// 110
TEST_F(JobTorture, Case110TheSocketOfSomebodyElseIsNotAnswered) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  const UniqueFd directory(::open(temp_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ::chmod(temp_.path().c_str(), 0777);
  auto ready = make_pipe();
  const pid_t squatter = ::fork();
  if (squatter == 0) {
    if (::setresuid(kSomebody, kSomebody, kSomebody) < 0) ::_exit(1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const auto address = job::control_address(directory.get());
    const bool bound = ::bind(socket, address.any(), address.size()) == 0;
    (void)!::write(ready->write.get(), bound && ::listen(socket, 1) == 0 ? "y" : "n", 1);
    ::pause();
  }
  char word = 0;
  ASSERT_EQ(::read(ready->read.get(), &word, 1), 1);
  ASSERT_EQ(word, 'y');
  const auto client = job::Client::connect(directory.get());
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, EPERM);
  ::kill(squatter, SIGKILL);
  ::waitpid(squatter, nullptr, 0);
}

TEST_F(JobTorture, Case110NobodyElseMayAskAJob) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  ASSERT_EQ(code({"run", "a", "sleep", "300"}), 0);
  // The modes let him through, as they would whoever has taken them over.
  for (const auto& path : {temp_.path(), runtime() + "/" + space_ + "/jobs", file_of("a", "")}) {
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  }
  ASSERT_EQ(::chmod(file_of("a", job::kControlFile).c_str(), 0777), 0);
  const UniqueFd directory(::open(file_of("a", "").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    if (::setresuid(kSomebody, kSomebody, kSomebody) < 0) ::_exit(1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const auto address = job::control_address(directory.get());
    if (::connect(socket, address.any(), address.size()) < 0) ::_exit(2);
    char byte = 0;
    ::_exit(::read(socket, &byte, 1) == 0 ? 0 : 3);
  }
  int status = 0;
  ::waitpid(stranger, &status, 0);
  EXPECT_EQ(status, 0) << "hung up on";
  EXPECT_TRUE(runs("a"));
}

// 111
TEST_F(JobTorture, Case111ClosedStreamsHarmNobody) {
  auto closed = asked({"run", "a", "sh", "-c", "echo out; echo err >&2; cat; sleep 300"});
  closed.closed = {0, 1, 2};
  EXPECT_EQ(run_program(closed).code(), 0);
  EXPECT_TRUE(before_long([&] { return content(log_of("a")) == "out\nerr\n"; }));
  EXPECT_TRUE(runs("a"));
}

// 112
TEST_F(JobTorture, Case112FilesOfAnotherBootAreCleanedAndNobodySignalled) {
  ASSERT_EQ(code({"run", "a", "sleep", "300"}), 0);
  Program canary({.words = {"/bin/sleep", "300"}});
  auto told = entry("a").job;
  ASSERT_EQ(code({"stop", "a"}), 0);
  const auto mark = job::mark_of(canary.pid());
  told.guardian = told.worker = told.leader = mark;
  told.boot_id = "00000000-0000-0000-0000-000000000000";
  std::ofstream(file_of("a", "job")) << job::record_of(told).text();
  std::filesystem::remove(file_of("a", "result"));
  EXPECT_EQ(state("a"), "rebooted");
  EXPECT_EQ(code({"check", "a"}), 1);
  EXPECT_EQ(code({"stop", "a"}), 1);
  EXPECT_EQ(code({"kill", "a"}), 1);
  EXPECT_EQ(job({"gc"}).out, "removed a (rebooted)\n");
  EXPECT_TRUE(job::is_alive(mark));
}

TEST_F(JobTorture, ItsSocketAnswers) {
  const auto until = job::after(std::chrono::seconds(60));
  ASSERT_EQ(code({"run", "a", "sh", "-c",
                  "trap 'echo usr1' USR1; echo up; while :; do sleep 0.02; done"}),
            0);
  ASSERT_TRUE(before_long([&] { return content(log_of("a")) == "up\n"; }));
  auto asking = client("a");
  const auto status = asking.ask("status", true, until);
  ASSERT_TRUE(status) << status.error().message();
  EXPECT_EQ(status->front(), "state running");
  EXPECT_EQ(code_of(asking.ask("signal USR1", false, until)), 0);
  EXPECT_TRUE(before_long([&] { return content(log_of("a")) == "up\nusr1\n"; }));
  const auto processes = asking.ask("processes", true, until);
  ASSERT_TRUE(processes);
  EXPECT_TRUE(processes->front().starts_with(std::to_string(entry("a").job.leader.pid) + " "));
  EXPECT_EQ(code_of(asking.ask("signal NOPE", false, until)), EINVAL);
  EXPECT_EQ(code_of(asking.ask("limits nonsense", false, until)), EINVAL);
  EXPECT_EQ(code_of(asking.ask("what", false, until)), EINVAL);
  const bool groups = !entry("a").job.groups.empty();
  EXPECT_EQ(code_of(asking.ask("stats", groups, until)), groups ? 0 : ENOTSUP);
  EXPECT_EQ(code_of(asking.ask("freeze", false, until)), groups ? 0 : ENOTSUP);
  EXPECT_EQ(code_of(asking.ask("thaw", false, until)), groups ? 0 : ENOTSUP);
  Words events;
  EXPECT_EQ(code_of(asking.ask("watch", false, until)), 0);
  EXPECT_EQ(code({"kill", "a"}), 0);
  EXPECT_TRUE(asking.await_end([&](const std::string& line) { events.push_back(line); }, until));
  EXPECT_EQ(events, Words{"ended signaled 9 stopped"});
}

}  // namespace
}  // namespace contained::test
