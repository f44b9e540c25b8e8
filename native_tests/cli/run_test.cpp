// `contained run`, the real program: what it passes on, and what it answers.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace {

using contained::test::Came;
using contained::test::content;
using contained::test::run_program;
using contained::test::TempDir;
using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;
using Words = std::vector<std::string>;

contained::test::Asked run_asked(Words words) {
  words.insert(words.begin(), "run");
  return ::contained::test::contained(std::move(words));
}

Came run(Words words) { return run_program(run_asked(std::move(words))); }

TEST(Run, OutputAndExitCodeAreTheCommands) {
  const auto came = run({"--", "sh", "-c", "echo out; echo err >&2; exit 7"});
  EXPECT_EQ(came.out, "out\n");
  EXPECT_EQ(came.err, "err\n");
  EXPECT_EQ(came.code(), 7);
}

TEST(Run, ExitCodesAreThoseOfEnv) {
  EXPECT_EQ(run({"sh", "-c", "kill -9 $$"}).code(), 128 + SIGKILL);
  EXPECT_EQ(run({"--timeout", "10ms", "sleep", "60"}).code(), 124);
  EXPECT_EQ(run({"--no-such-option", "true"}).code(), 125);
  EXPECT_EQ(run({}).code(), 125);
  EXPECT_EQ(run({"/etc/passwd"}).code(), 126);
  EXPECT_EQ(run({"/no/such/program"}).code(), 127);
  EXPECT_EQ(run({"no-such-program"}).code(), 127);
}

TEST(Run, ErrorsAreOneLineThatSaysWhatAndWhy) {
  EXPECT_EQ(run({"/no/such/program"}).err,
            "contained: exec: /no/such/program: No such file or directory\n");
  EXPECT_THAT(run({"--memory", "64Q", "true"}).err,
              StartsWith("contained: run: --memory: 64Q: a number of bytes"));
  EXPECT_THAT(run({"-u", "no-such-user", "true"}).err,
              StartsWith("contained: run: --uid: no-such-user: no such user"));
  EXPECT_THAT(run({"-c", "no-such", "true"}).err,
              StartsWith("contained: run: --controller: no-such: no such controller here"));
}

// As env(1) and every shell have it; System.cmd/3 has the path.
TEST(Run, ArgumentZeroIsAsItWasTyped) {
  const Words show = {"sh", "-c", "tr '\\0' '\\n' < /proc/$$/cmdline | head -n 1"};
  const std::vector<Words> all = {
      {"run"}, {"run", "--seccomp", "default"}, {"supervise", "-n", "-m0"}};
  for (auto words : all) {
    words.insert(words.end(), show.begin(), show.end());
    const auto came = run_program(::contained::test::contained(words));
    if (came.err.find("seccomp: ") != std::string::npos) continue;  // built without it
    EXPECT_EQ(came.out, "sh\n") << words[1] << came.err;
  }
}

TEST(Run, StdinIsPassedOnWhole) {
  auto asked = run_asked({"cat"});
  asked.input = std::string(30'000, 'x');
  EXPECT_EQ(run_program(asked).out, *asked.input);
}

TEST(Run, ClosedDescriptorsBecomeDevNull) {
  auto asked = run_asked({"sh", "-c", "exec 3>&1; readlink /proc/self/fd/0 /proc/self/fd/3 >&2"});
  asked.closed = {0, 1};
  const auto came = run_program(asked);
  EXPECT_EQ(came.err, "/dev/null\n/dev/null\n");
  asked = run_asked({"true"});
  asked.closed = {0, 1, 2};
  EXPECT_EQ(run_program(asked).code(), 0);
}

TEST(Run, TheCommandsOptionsAreItsOwn) {
  EXPECT_EQ(run({"echo", "--memory", "--", "x"}).out, "--memory -- x\n");
  EXPECT_EQ(run({"--", "echo", "-v"}).out, "-v\n");
}

TEST(Run, EnvironmentDirectoryAndMask) {
  auto asked = run_asked({"-E", "A=1", "-E", "B", "-C", "/usr", "--umask", "027", "sh", "-c",
                          "echo $A,$B,$C; pwd; umask"});
  asked.env = {{"A", "0"}, {"B", "0"}, {"C", "2"}};
  EXPECT_EQ(run_program(asked).out, "1,,2\n/usr\n0027\n");
  EXPECT_EQ(run({"--clear-env", "-E", "X=y", "/usr/bin/env"}).out, "X=y\n");
}

TEST(Run, RlimitsNiceAndPrivileges) {
  const auto came = run({"--rlimit", "nofile=64:128", "--nice", "3", "--no-new-privs", "sh", "-c",
                         "ulimit -Sn; ulimit -Hn; nice; grep NoNewPrivs /proc/self/status"});
  EXPECT_EQ(came.out, "64\n128\n3\nNoNewPrivs:\t1\n");
  EXPECT_EQ(run({"--rlimit", "nofile=128:64", "true"}).code(), 125);
}

// Only that of SIGHUP, for whoever starts us ignores others for himself.
TEST(Run, KeepsWhatNohupHasDone) {
  const auto came =
      run_program({.words = {"/bin/sh", "-c",
                             "trap '' HUP USR1; " CONTAINED_CLI_PATH
                             " run sh -c 'kill -HUP $PPID $$; kill -USR1 $$; echo not reached'"}});
  EXPECT_EQ(came.out, "");
  EXPECT_EQ(came.code(), 128 + SIGUSR1) << came.err;
}

TEST(Run, TheFileThenTheVariableThenTheLine) {
  const TempDir directory;
  const auto file = directory.file("c", "env A=file\nenv B=file\n", 0600);
  auto asked = run_asked({"--config", file, "-E", "C=line", "sh", "-c", "echo $A $B $C"});
  asked.env = {{"CONTAINED_OPTIONS", "-E B=variable -E C=variable"}};
  EXPECT_EQ(run_program(asked).out, "file variable line\n");
}

TEST(Run, ThePlanIsPrintedAndNothingDone) {
  const TempDir directory;
  const auto came = run({"--dry-run", "--memory", "64M", "--timeout", "5s", "--stop",
                         "INT:1,TERM:50ms", "-E", "A=b", "touch", directory.path("x")});
  ASSERT_EQ(came.code(), 0) << came.err;
  const auto plan = json::parse(came.out);
  EXPECT_EQ(plan["limits"], (json{{"memory", "64M"}}));
  EXPECT_EQ(plan["timeout_ms"], 5000);
  EXPECT_EQ(plan["stop"], json::parse(R"([["INT", 1000], ["TERM", 50]])"));
  EXPECT_EQ(plan["env"], (json{{"A", "b"}}));
  EXPECT_FALSE(std::filesystem::exists(directory.path("x")));
}

TEST(Run, ItsOwnNameIsTheCallersChoice) {
  const auto came = run({"--arg0", "other", "sh", "-c", "tr '\\0' '\\n' < /proc/$$/cmdline"});
  EXPECT_TRUE(came.out.starts_with("other\n-c\n")) << came.out << came.err;
}

TEST(Run, ClocksOfItsOwnAreInThePlan) {
  const auto came = run(
      {"--dry-run", "--time-offset", "boottime:1d", "--time-offset", "monotonic:-1500ms", "true"});
  ASSERT_EQ(came.code(), 0) << came.err;
  const auto plan = json::parse(came.out);
  EXPECT_EQ(plan["time_offsets_ms"], (json{{"boottime", 86400000}, {"monotonic", -1500}}));
  const auto wrong = run({"--time-offset", "realtime:1s", "true"});
  EXPECT_EQ(wrong.code(), 125);
  EXPECT_NE(wrong.err.find("--time-offset: realtime:1s: monotonic:TIME"), std::string::npos);
}

TEST(Run, TheResultIsAFile) {
  const TempDir directory;
  const auto file = directory.path("result");
  EXPECT_EQ(run({"--json-result", file, "sh", "-c", "sleep 60 & kill -TERM $$"}).code(), 143);
  const auto result = json::parse(content(file));
  EXPECT_EQ(result["status"], "signaled");
  EXPECT_EQ(result["signal_name"], "TERM");
  EXPECT_EQ(result["reason"], "signal");
  EXPECT_EQ(result["left_behind"], 1);
  EXPECT_GT(result["wall_us"], 0);
  run({"--json-result", file, "/no/such"});
  EXPECT_EQ(json::parse(content(file)), (json{{"status", "failed"},
                                              {"exit_code", 127},
                                              {"stage", "exec"},
                                              {"error", "enoent"},
                                              {"subject", "/no/such"}}));
}

// A device of the machine would be gone with the first result otherwise.
TEST(Run, AResultReplacesNothingButAFile) {
  const TempDir directory;
  const auto pipe = directory.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const contained::UniqueFd reader(::open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  EXPECT_EQ(run({"--json-result", pipe, "sh", "-c", "exit 4"}).code(), 4);
  std::array<char, 4096> bytes = {};
  const auto count = ::read(reader.get(), bytes.data(), bytes.size());
  const std::string_view text(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  EXPECT_EQ(json::parse(text)["exit_code"], 4);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
}

TEST(Run, SaysWhatItDoes) {
  EXPECT_THAT(run({"-v", "true"}).err, HasSubstr("contained: run: exited 0: exit\n"));
  auto asked = run_asked({"true"});
  asked.env = {{"CONTAINED_DEBUG", "1"}};
  EXPECT_THAT(run_program(asked).err, HasSubstr("contained: run: pid "));
}

TEST(Contained, HelpAndVersion) {
  const auto version = run_program(::contained::test::contained({"--version"}));
  EXPECT_THAT(version.out, StartsWith("contained "));
  EXPECT_EQ(version.code(), 0);
  const auto help = run_program(::contained::test::contained({"run", "--help"}));
  EXPECT_THAT(help.out, HasSubstr("Usage: contained run [OPTIONS] [--] COMMAND [ARGS...]"));
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
  EXPECT_EQ(help.code(), 0);
  EXPECT_EQ(run_program(::contained::test::contained({})).code(), 2);
  EXPECT_EQ(run_program(::contained::test::contained({"no-such"})).code(), 2);
}

}  // namespace
