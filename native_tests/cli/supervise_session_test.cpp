// `contained supervise`, the real program, as others deal with it: pid files, status lines,
// signals, the log command, the load, and the sessions that dmon's author shows.
#include <gmock/gmock.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/supervised.hpp"

namespace contained::test {
namespace {

using testing::HasSubstr;

// Its group is frozen, or without one it is stopped itself.
bool holds_still(pid_t pid) {
  const auto number = std::to_string(pid);
  const auto group = run_program(contained({"cgroup", "stats", "--json", number}));
  if (group.out.find("\"frozen\": 1") != std::string::npos) return true;
  return content("/proc/" + number + "/stat").find(") T ") != std::string::npos;
}

class SuperviseSessionTest : public Supervised {
 protected:
  // The socket of a syslog daemon, and what comes there next.
  UniqueFd listen_as_syslog() const {
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    dir_.path("log").copy(address.sun_path, sizeof address.sun_path - 1);
    UniqueFd syslog(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(syslog.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return syslog;
  }

  static std::string packet_of(const UniqueFd& syslog) {
    std::array<char, 512> packet = {};
    pollfd wanted = {syslog.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&wanted, 1, 60'000), 1);
    const auto count = ::recv(syslog.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    return count < 0 ? "" : std::string(packet.data(), static_cast<std::size_t>(count));
  }

  void write(const std::string& name, const std::string& text) const {
    dir_.file(name + ".new", text, 0644);
    std::filesystem::rename(dir_.path(name + ".new"), dir_.path(name));
  }
};

TEST_F(SuperviseSessionTest, D9_ThePidFileIsThereLockedAndRemoved) {
  ASSERT_EQ(detach({"sleep", "1000"}).code(), 0);
  const pid_t pid = number_in("pid");
  EXPECT_FALSE(!lives(pid));
  const auto second = detach({"sleep", "1000"});
  EXPECT_EQ(second.code(), 1);
  EXPECT_EQ(second.err, "contained: pid: already running (pid " + std::to_string(pid) + ")\n");
  EXPECT_EQ(number_in("pid"), pid);
  end_daemon();
  EXPECT_NE(::access(dir_.path("pid").c_str(), F_OK), 0);
}

TEST_F(SuperviseSessionTest, D9_AFileThatADeadOneLeftIsReplaced) {
  ASSERT_EQ(detach({"sleep", "1000"}).code(), 0);
  const pid_t first = number_in("pid");
  ::kill(first, SIGKILL);
  ASSERT_TRUE(before_long([&] { return !lives(first); }));
  // Its worker holds the lock until nothing is left to kill.
  ASSERT_TRUE(before_long([&] { return detach({"sleep", "1000"}).code() == 0; }));
  EXPECT_NE(number_in("pid"), first);
  end_daemon();
}

TEST_F(SuperviseSessionTest, StatusLinesAreThoseOfDMon) {
  const auto came =
      supervise({"-m", "0", "-I", "info", "sh", "-c", "echo $$ > cmd; exit 3", "--", "cat"});
  EXPECT_EQ(came.code(), 3);
  const auto pid = std::to_string(number_in("cmd"));
  EXPECT_THAT(text("info"),
              HasSubstr("cmd start " + pid + "\ncmd exit " + pid + " 768\nlog exit "));
  EXPECT_THAT(text("info"), testing::StartsWith("log start "));
}

TEST_F(SuperviseSessionTest, ThePidOfEachRunIsInAFile) {
  const auto came =
      supervise({"-m", "1", "--cmd-pid-file", "cmd", "sh", "-c",
                 "while [ ! -s cmd ]; do sleep 0.01; done; cat cmd >> read; echo $$ >> own"});
  EXPECT_EQ(came.code(), 0) << came.err;
  EXPECT_EQ(text("read"), text("own"));
  EXPECT_EQ(count("own", "\n"), 2U);
  EXPECT_NE(::access(dir_.path("cmd").c_str(), F_OK), 0);
  EXPECT_EQ(supervise({"-m", "0", "--cmd-pid-file", "no/such", "true"}).code(), 125);
}

TEST_F(SuperviseSessionTest, VerboseTellsInTheForeground) {
  const auto came = supervise({"-m", "0", "--verbose", "sh", "-c", "exit 3"});
  EXPECT_THAT(came.err, testing::ContainsRegex("contained: cmd start [0-9]+\n"));
  EXPECT_THAT(came.err, testing::ContainsRegex("contained: cmd exit [0-9]+ 768\n"));
}

// The program removes itself: its first start is well, the next one cannot be.
TEST_F(SuperviseSessionTest, ADaemonTellsSyslogWhatIsWrong) {
  const auto syslog = listen_as_syslog();
  dir_.file("once", "#!/bin/sh\nrm once\nexit 3\n", 0755);
  const auto came = detach({"--backoff", "0:0", "--max-restarts", "5/1h", "--syslog-socket",
                            dir_.path("log"), "./once"});
  ASSERT_EQ(came.code(), 0) << came.err;
  EXPECT_THAT(packet_of(syslog),
              testing::MatchesRegex("<27>[A-Z][a-z]+ .* contained\\[[0-9]+\\]: \\./once: exec: "
                                    "\\./once: No such file or directory"));
  EXPECT_THAT(packet_of(syslog), HasSubstr(": ./once: supervise: more than 5 restarts"))
      << "once, however often it is tried";
}

TEST_F(SuperviseSessionTest, ADryRunPrintsThePlanAndStartsNothing) {
  const auto came = run_program(
      asked({"supervise", "--dry-run", "-p", "pid", "-t", "1h", "-L", "4", "--memory", "64m", "-s",
             "--max-restarts", "5/1m", "touch", "started", "--", "touch", "logged"}));
  EXPECT_EQ(came.code(), 0) << came.err;
  for (const char* const part :
       {R"("timeout_ms": 3600000)", R"("high": 4.0)", R"("low": 2.0)", R"("pid_file": "pid")",
        R"("within_ms": 60000)", R"("signals_to": [)", R"("memory": "67108864")",
        R"("log_command": {)", R"("logged")"}) {
    EXPECT_THAT(came.out, HasSubstr(part));
  }
  for (const char* const name : {"pid", "started", "logged"})
    EXPECT_NE(::access(dir_.path(name).c_str(), F_OK), 0) << name;
  EXPECT_EQ(supervise({"--dry-run", "-L", "x", "true"}).code(), 2);
}

TEST_F(SuperviseSessionTest, ALoadThatCannotBeReadIsAnError) {
  const auto came = supervise({"-m", "0", "-L", "4", "--load-file", "none", "true"});
  EXPECT_EQ(came.code(), 125);
  EXPECT_THAT(came.err, HasSubstr("none: No such file or directory"));
  dir_.file("words", "much", 0644);
  EXPECT_EQ(supervise({"-m", "0", "-L", "4", "--load-file", "words", "true"}).code(), 125);
}

TEST_F(SuperviseSessionTest, D14_AReaderOfTheStatusFifoMayLeave) {
  ASSERT_EQ(::mkfifo(dir_.path("fifo").c_str(), 0600), 0);
  auto reader = std::make_unique<Program>(Asked{.words = {"/bin/cat", dir_.path("fifo")}});
  Program program(asked({"supervise", "-n", "-I", "fifo", "--backoff", "10ms:10ms", "true"}));
  ASSERT_TRUE(reader->wait_for_output("cmd exit"));
  reader.reset();
  Program next(Asked{.words = {"/bin/cat", dir_.path("fifo")}});
  EXPECT_TRUE(next.wait_for_output("cmd start"));
  program.signal(SIGTERM);
  program.wait_for_exit();
}

TEST_F(SuperviseSessionTest, SignalsReachWhomTheyAreMeantFor) {
  const std::string listen =
      "trap 'echo hup' HUP; trap 'echo usr1' USR1; trap 'echo alrm' ALRM; echo ready; "
      "while :; do sleep 0.01; done";
  Program program(asked({"supervise", "-n", "-s", "sh", "-c", listen}));
  ASSERT_TRUE(program.wait_for_output("ready\n"));
  for (const int number : {SIGHUP, SIGUSR1, SIGALRM}) {
    program.signal(number);
    const std::string name = number == SIGHUP ? "hup\n" : number == SIGUSR1 ? "usr1\n" : "alrm\n";
    EXPECT_TRUE(program.wait_for_output(name));
  }
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait_for_exit().code(), 128 + SIGTERM);
}

TEST_F(SuperviseSessionTest, SignalsAreNotLostBetweenTwoRuns) {
  Program program(asked({"supervise", "-n", "-s", "-i", "500ms", "-I", "info", "true"}));
  ASSERT_TRUE(waits_for("info", "cmd exit"));
  program.signal(SIGHUP);
  program.signal(SIGUSR1);
  EXPECT_TRUE(waits_for("info", " 1\n"));
  EXPECT_TRUE(waits_for("info", " 10\n"));
  program.signal(SIGTERM);
  program.wait_for_exit();
}

// `read` of a shell takes a line and not a byte more.
TEST_F(SuperviseSessionTest, TheLinkOutlivesItsReaders) {
  Program program(asked({"supervise", "-n", "--backoff", "0:0", "--", "sh", "-c",
                         "echo a; echo b; echo c; exec sleep 1000", "--", "sh", "-c",
                         "read line && echo $line >> log; kill -9 $$"}));
  EXPECT_TRUE(waits_for("log", "a\nb\nc\n"));
  program.signal(SIGTERM);
  program.wait_for_exit();
}

TEST_F(SuperviseSessionTest, TheLoadPausesAndResumes) {
  write("load", "0.10 0.2 0.3 1/100 1\n");
  Program program(
      asked({"supervise", "-n", "-L", "4.0", "--load-file", "load", "-I", "info", "--", "sh", "-c",
             "echo $$ > cmd; while :; do echo x >> out; sleep 0.01; done"}));
  ASSERT_TRUE(waits_for("out", "x\n"));
  write("load", "4.01 0 0 1/1 1\n");
  ASSERT_TRUE(waits_for("info", "cmd pause"));
  ASSERT_TRUE(before_long([&] { return holds_still(number_in("cmd")); })) << "it goes on";
  const auto before = text("out").size();
  write("load", "2.00 0 0 1/1 1\n");
  ASSERT_TRUE(waits_for("info", "cmd resume"));
  EXPECT_TRUE(before_long([&] { return text("out").size() > before; }));
  write("load", "9\n");
  ASSERT_TRUE(before_long([&] { return count("info", "cmd pause") == 2; }));
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait_for_exit().code(), 128 + SIGTERM) << "what is paused can be stopped";
}

TEST_F(SuperviseSessionTest, OptionsComeFromFileVariableAndCommandLine) {
  dir_.file("conf", "# once a day\nno-daemon\nmax-respawns 5\nbackoff 0:0\nenviron \"A=of file\"\n",
            0644);
  const auto runs = [&](std::vector<std::string> words, const std::string& variable) {
    words.insert(words.end(), {"sh", "-c", "echo $A"});
    auto it = asked(std::move(words), "dmon");
    if (!variable.empty()) it.env["DMON_OPTIONS"] = variable;
    return run_program(std::move(it)).out;
  };
  EXPECT_EQ(runs({"-C", "conf", "-m", "1"}, ""), "of file\nof file\n");
  EXPECT_EQ(runs({"-C", "conf"}, "-m 0"), "of file\n");
  EXPECT_EQ(runs({"-m", "0"}, "-C conf -m 3 -E 'A=of variable'"), "of variable\n");
  EXPECT_EQ(runs({"-E", "A=said", "-m", "1"}, "-C conf"), "said\nsaid\n");
}

// "Running rsync in a terminal, pausing the copy when the load is above 4.0, until it succeeds."
TEST_F(SuperviseSessionTest, AsInTheBlogACopyIsRepeatedUntilItSucceeds) {
  dir_.file("from", "precious\n", 0644);
  Program program(asked({"-n", "-1", "-L", "4000.0", "-I", "info", "--backoff", "10ms:10ms", "cp",
                         "from", "there/to"},
                        "dmon"));
  ASSERT_TRUE(waits_for("info", "cmd exit"));
  ASSERT_EQ(::mkdir(dir_.path("there").c_str(), 0755), 0);
  EXPECT_EQ(program.wait().code(), 0);
  EXPECT_EQ(text("there/to"), "precious\n");
}

// "Launching vfand as a daemon, logging errors to the local syslog", and the line that ends all.
TEST_F(SuperviseSessionTest, AsInTheBlogADaemonLogsItsErrorsToSyslog) {
  const auto syslog = listen_as_syslog();
  const auto came = Program(asked({"-e", "-p", "pid", "-I", "info", "sh", "-c",
                                   "echo too hot >&2; exec sleep 1000", "--", CONTAINED_CLI_PATH,
                                   "log", "--syslog", "vfand", "--socket", dir_.path("log")},
                                  "dmon"))
                        .wait_for_exit();
  ASSERT_EQ(came.code(), 0) << came.err;
  EXPECT_THAT(packet_of(syslog), HasSubstr(" vfand: too hot"));
  run_program({.words = {"/bin/sh", "-c", "kill $(cat pid)"}, .directory = dir_.path()});
  EXPECT_TRUE(waits_for("info", "log exit"));
  EXPECT_THAT(text("info"), HasSubstr("cmd exit"));
}

// "As a user, saving auto-rotated logs by another user."
TEST_F(SuperviseSessionTest, AsInTheBlogTwoUsersShareTheWork) {
  const auto* const daemon = ::getpwnam("daemon");
  if (::geteuid() != 0 || daemon == nullptr) GTEST_SKIP() << "needs root and the user daemon";
  ASSERT_EQ(::mkdir(dir_.path("logs").c_str(), 0755), 0);
  ASSERT_EQ(::chown(dir_.path("logs").c_str(), daemon->pw_uid, daemon->pw_gid), 0);
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  const auto came =
      supervise({"-1", "-e", "-u", "nobody", "-U", "daemon", "sh", "-c", "id -un; id -un >&2", "--",
                 CONTAINED_CLI_PATH, "log", "--dir", dir_.path("logs")});
  EXPECT_EQ(came.code(), 0) << came.err;
  EXPECT_EQ(text("logs/current"), "nobody\nnobody\n");
}

}  // namespace
}  // namespace contained::test
