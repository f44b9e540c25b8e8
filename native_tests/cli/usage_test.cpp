// Command lines that are wrong: the answer names the option, the value and what is allowed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/program.hpp"

namespace contained::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Words = std::vector<std::string>;

struct Mistake {
  Words words;
  const char* answer;
};

void expect_answers(const Words& front, const Words& back, const std::vector<Mistake>& mistakes) {
  for (const auto& mistake : mistakes) {
    auto words = front;
    words.insert(words.end(), mistake.words.begin(), mistake.words.end());
    words.insert(words.end(), back.begin(), back.end());
    const auto came = run_program(contained(words));
    EXPECT_EQ(came.code(), 2) << mistake.answer;
    EXPECT_THAT(came.err, StartsWith("contained: " + front.front() + ": "));
    EXPECT_THAT(came.err, HasSubstr(mistake.answer));
  }
}

TEST(Usage, OfTheProgram) {
  const auto none = run_program(contained({}));
  EXPECT_EQ(none.code(), 2);
  EXPECT_THAT(none.err, StartsWith("contained: usage: the command: must be one of "));
  const auto wrong = run_program(contained({"nosuch"}));
  EXPECT_EQ(wrong.code(), 2);
  EXPECT_THAT(wrong.err, StartsWith("contained: nosuch: must be one of "));
  EXPECT_THAT(wrong.err, HasSubstr(" run "));
}

TEST(Usage, OfJob) {
  expect_answers(
      {"job"}, {},
      {{{}, "NAMESPACE is required"},
       {{"a/b", "ls"}, "NAMESPACE: 'a/b' must be 1 to 64 of a-z A-Z 0-9 . _ -"},
       {{"ns"}, "the command: must be one of init release gc run check ls"},
       {{"ns", "rum"}, "rum: must be one of init release gc run check ls"},
       {{"ns", "check"}, "NAME is required"},
       {{"ns", "check", ".."}, "NAME: '..' must be"},
       {{"ns", "ls", "more"}, "more"},
       {{"ns", "logs", "-n", "-1", "a"}, "--lines: -1: a number of lines"},
       {{"ns", "stop", "-t", "soon", "a"}, "--timeout: soon: a time such as 500ms"},
       {{"ns", "wait", "-t", "soon", "a"}, "--timeout: soon: a time such as 500ms"},
       {{"ns", "stop", "--stop", "FOO:1", "a"}, "--stop: FOO:1: SIGNAL:TIME"},
       {{"ns", "stop", "-t", "1s", "--stop", "TERM:1s", "a"}, "--timeout excludes --stop"}});
}

TEST(Usage, OfARunOfAJob) {
  expect_answers({"job", "ns", "run"}, {"a", "true"},
                 {{{"-m", "much"}, "-m: much: a size such as 64M"},
                  {{"--memory", "much"}, "--memory: much: a number of bytes"},
                  {{"--keep", "-1"}, "--keep: -1: a number of files"},
                  {{"--log", ""}, "--log: : a path"},
                  {{"--log-size", "big"}, "--log-size: big: a size such as 64M, 0 for none"},
                  {{"--log-every", "10ms"}, "--log-every: 10ms: a time such as 1h or 1d"},
                  {{"--no-log", "-l", "file"}, "--log excludes --no-log"},
                  {{"--linger", "leave"}, "--linger: leave: kill or wait: nothing outlives"},
                  {{"--linger", "stay"}, "--linger: stay: kill or wait"},
                  {{"--timeout", "0"}, "--timeout: 0: a time such as"},
                  {{"--config", "/no/such"}, "--config: /no/such: No such file or directory"},
                  {{"--no-such"}, "--no-such"}});
  expect_answers({"job", "ns", "run", "a"}, {}, {{{}, "COMMAND: is missing"}});
}

TEST(Usage, OfSupervise) {
  expect_answers(
      {"supervise", "-n"}, {"true"},
      {{{"-1", "-i", "5"}, "--interval: and --once exclude each other"},
       {{"-m", "x"}, "--max-respawns: x: a number, or -1 for no limit"},
       {{"-t", "5q"}, "--timeout: 5q: a time such as"},
       {{"-L", "high"}, "--load-high: high: a load such as 4.0"},
       {{"-l", "3"}, "--load-low: needs --load-high"},
       {{"-L", "2", "-l", "3"}, "--load-low: 3: at most --load-high, 2"},
       {{"-u", "no-such"}, "--cmd-user: no-such: no such user"},
       {{"-u", "root:no-such"}, "--cmd-user: no-such: no such group"},
       {{"-u", "root:root", "--groups", "root"}, "--groups: and groups behind --cmd-user exclude"},
       {{"-r", "foo=3"}, "--soft-limit: foo=3: NAME=VALUE"},
       {{"-E", "=x"}, "--env: =x: NAME=VALUE"},
       {{"--backoff", "5s:1s"}, "--backoff: 5s:1s: MIN:MAX"},
       {{"--max-restarts", "3"}, "--max-restarts: 3: a number and a time"},
       {{"--stop", "FOO:1s"}, "--stop: FOO:1s: SIGNAL:TIME"},
       {{"--linger", "leave"}, "--linger: leave: kill or wait"},
       {{"-S"}, "--log-sigs: there is no log command"},
       {{"--cmd-pid-file", ""}, "--cmd-pid-file: : a path"},
       {{"-C", "/no/such"}, "--config: /no/such: No such file or directory"}});
}

TEST(Usage, IsTold) {
  EXPECT_THAT(run_program(contained({"job", "ns", "--help"})).out,
              HasSubstr("Usage: contained job [OPTIONS] NAMESPACE SUBCOMMAND\n"));
  EXPECT_THAT(run_program(contained({"job", "ns", "run", "--help"})).out,
              HasSubstr("run [OPTIONS] NAME [--] COMMAND [ARGS...]\n"));
}

}  // namespace
}  // namespace contained::test
