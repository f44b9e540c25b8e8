// `contained run`, the real program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/program.hpp"

namespace {

using contained::test::contained;
using contained::test::run_program;
using testing::HasSubstr;
using testing::StartsWith;
using Words = std::vector<std::string>;

contained::test::Came run(Words words) {
  words.insert(words.begin(), "run");
  return run_program(contained(std::move(words)));
}

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
  EXPECT_EQ(run({"/etc/passwd"}).code(), 126);
  EXPECT_EQ(run({"/no/such/program"}).code(), 127);
  EXPECT_EQ(run({"no-such-program"}).code(), 127);
}

TEST(Run, ErrorsAreOneLineThatSaysWhatAndWhy) {
  const auto came = run({"/no/such/program"});
  EXPECT_EQ(came.err, "contained: exec: /no/such/program: No such file or directory\n");
  EXPECT_THAT(run({"--memory", "64Q", "true"}).err,
              StartsWith("contained: run: --memory: 64Q: a number of bytes"));
}

}  // namespace
