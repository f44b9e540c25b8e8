// contained_port --sink as it is started: by words, signals and pipes.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "sink/support.hpp"
#include "support/temp_dir.hpp"

namespace contained::sink {
namespace {

struct Ran {
  std::string output;
  int status = -1;
};

// By a shell, in |directory|, with the program as $PORT.
Ran shell(const std::string& directory, const std::string& script) {
  ::setenv("PORT", CONTAINED_PORT_PATH, 1);
  ::setenv("D", directory.c_str(), 1);
  Ran ran;
  auto* const pipe = ::popen(("cd $D && exec 2>&1; " + script).c_str(), "r");
  if (pipe == nullptr) return ran;
  std::array<char, 4096> chunk = {};
  for (auto count = chunk.size(); count > 0;) {
    count = std::fread(chunk.data(), 1, chunk.size(), pipe);
    ran.output.append(chunk.data(), count);
  }
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

class SinkProgramTest : public testing::Test {
 protected:
  Ran run(const std::string& script) const { return shell(temp_.path(), script); }

  test::TempDir temp_;
};

TEST_F(SinkProgramTest, WritesItsInputToAllSinksAndTellsOfIt) {
  const auto ran =
      run("printf 'a\\nb' | $PORT --sink report=3 file=$D/a file=$D/b timestamp fd=1 3>told");
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.output, "a\nb");
  EXPECT_EQ(content(temp_.path("a")), "a\nb");
  EXPECT_EQ(content(temp_.path("b")).size(), 3U + 2 * 28U);
  EXPECT_TRUE(content(temp_.path("told")).starts_with("ready\n"));
  EXPECT_TRUE(content(temp_.path("told")).ends_with("counts 3 0\n"));
}

TEST_F(SinkProgramTest, ASinkThatCannotBeOpenedEndsIt) {
  const auto ran = run("$PORT --sink report=3 file=$D/a file=$D/no/b 3>told <&-");
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.output, "");
  EXPECT_EQ(content(temp_.path("told")), "failed file enoent " + temp_.path("no/b") + "\n");
  EXPECT_EQ(run("$PORT --sink file=$D/no/b").output,
            "contained_port: file: enoent (" + temp_.path("no/b") + ")\n");
  EXPECT_EQ(run("$PORT --sink file=$D/a colour").status, 64);
  EXPECT_EQ(run("$PORT --sink fd=7").status, 1);
}

// Each line comes when the sink has taken the one before: read back through fd 1.
TEST_F(SinkProgramTest, SignalsDoNotEndItAndHupOpensAnew) {
  const auto ran = run(R"(
    mkfifo in out
    $PORT --sink file=$D/a.log fd=1 <in >out & pid=$!
    exec 8>in 9<out
    echo one >&8; read line <&9
    kill -TERM $pid; kill -INT $pid
    mv a.log b.log
    kill -HUP $pid
    while [ ! -e a.log ]; do sleep 0.01; done
    echo two >&8; read line <&9
    exec 8>&-
    wait $pid; echo $?)");
  EXPECT_EQ(ran.output, "0\n");
  EXPECT_EQ(content(temp_.path("b.log")), "one\n");
  EXPECT_EQ(content(temp_.path("a.log")), "two\n");
}

// What a writer has left in the pipe belongs to it, although the writer lives.
TEST_F(SinkProgramTest, TermEndsOneThatObeysOnceAllIsWritten) {
  const auto ran = run(R"(
    mkfifo in out; exec 7<>in 8<>out
    $PORT --sink obey file=$D/a.log fd=1 prefix='> ' <in >out & pid=$!
    echo one >&7; read line <&8; echo "$line"
    kill -STOP $pid; echo two >&7; printf three >&7; kill -TERM $pid; kill -CONT $pid
    wait $pid; echo $?)");
  EXPECT_EQ(ran.output, "> one\n0\n");
  EXPECT_EQ(content(temp_.path("a.log")), "one\ntwo\nthree");
}

TEST_F(SinkProgramTest, ReadsAnotherDescriptor) {
  EXPECT_EQ(run("echo x | $PORT --sink input=5 fd=1 5<&0 </dev/null").output, "x\n");
}

// What it had not read when it was killed stays in the pipe.
TEST_F(SinkProgramTest, KilledItLosesNothingThatItHadNotRead) {
  const auto ran = run(R"(
    mkfifo in out; exec 7<>in
    $PORT --sink file=$D/a.log fd=1 <in >out & pid=$!
    exec 9<out
    echo one >&7; read line <&9
    kill -KILL $pid; wait $pid
    echo two >&7
    $PORT --sink file=$D/a.log <in & pid=$!
    echo three >&7
    while ! grep -q three a.log; do sleep 0.01; done
    kill -KILL $pid; exit 0)");
  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_EQ(content(temp_.path("a.log")), "one\ntwo\nthree\n");
}

TEST_F(SinkProgramTest, OnAFullDiskItGoesOn) {
  if (run("unshare -m mount -t tmpfs none .").status != 0)
    GTEST_SKIP() << "needs root, and unshare(1) to mount a small file system for itself alone";
  const auto ran = run(R"(exec unshare -m sh -c '
    mount -t tmpfs -o size=64k none $D && cd $D
    mkfifo in told
    $PORT --sink report=3 file=$D/a.log <in 3>told &
    exec 8>in 9<told
    read line <&9; echo $line
    head -c 100000 /dev/zero >filler 2>/dev/null
    echo lost >&8; read line <&9; echo $line
    rm filler; sleep 1.1
    echo kept >&8; exec 8>&-
    cat <&9; cat a.log')");
  EXPECT_EQ(ran.output, "ready\ntrouble enospc " + temp_.path("a.log") + "\ncounts 5 5\nover 5 " +
                            temp_.path("a.log") + "\ncounts 10 5\nkept\n");
}

}  // namespace
}  // namespace contained::sink
