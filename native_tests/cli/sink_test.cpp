// `contained sink`, the hidden subcommand that writes the logs of jobs: its words reach it as they
// are, and it tells as the port program's does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace contained::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Words = std::vector<std::string>;

class CliSink : public testing::Test {
 protected:
  // By a shell, with the program as $SINK.
  Came shell(const std::string& script) const {
    return run_program({.words = {"/bin/sh", "-c", script},
                        .env = {{"SINK", CONTAINED_CLI_PATH " sink"}},
                        .directory = temp_.path()});
  }
  Came sink(Words words, const std::string& input) const {
    words.insert(words.begin(), "sink");
    auto asked = contained(std::move(words));
    asked.input = input;
    return run_program(asked);
  }

  TempDir temp_;
};

TEST_F(CliSink, WritesWhatItReadsAndTellsOfIt) {
  const auto came = shell("printf 'a\\nb' | $SINK report=3 file=$PWD/one fd=1 3>told");
  EXPECT_EQ(came.code(), 0) << came.err;
  EXPECT_EQ(came.out, "a\nb");
  EXPECT_EQ(content(temp_.path("one")), "a\nb");
  EXPECT_EQ(content(temp_.path("told")), "ready\ncounts 3 0\n");
}

// None of them is taken for an option of ours.
TEST_F(CliSink, WordsAreItsOwn) {
  const auto odd = temp_.path("-- odd =name");
  EXPECT_EQ(sink({"fd=1", "prefix=--help -v ", "file=" + odd, "prefix=CONTAINED=x "}, "line\n").out,
            "--help -v line\n");
  EXPECT_EQ(content(odd), "CONTAINED=x line\n");
}

TEST_F(CliSink, RotatesByTheByte) {
  EXPECT_EQ(
      sink({"file=" + temp_.path("log"), "size=8", "keep=2"}, "one\ntwo\nthree\nfour\n").code(), 0);
  EXPECT_EQ(content(temp_.path("log")), "four\n");
  EXPECT_EQ(content(temp_.path("log.2")), "three\n");
  EXPECT_EQ(content(temp_.path("log.1")), "one\ntwo\n");
}

TEST_F(CliSink, AWrongWordIsNamed) {
  const auto came = sink({"file=" + temp_.path("log"), "colour"}, "lost\n");
  EXPECT_EQ(came.code(), 64);
  EXPECT_EQ(came.err, "contained: sink: unknown word colour\n");
  EXPECT_EQ(sink({}, "").code(), 64);
  EXPECT_FALSE(std::filesystem::exists(temp_.path("log")));
}

TEST_F(CliSink, WhatCannotBeOpenedEndsIt) {
  const auto came = sink({"file=" + temp_.path("no/log")}, "lost\n");
  EXPECT_EQ(came.code(), 1);
  EXPECT_EQ(came.err, "contained: file: enoent (" + temp_.path("no/log") + ")\n");
  EXPECT_EQ(sink({"fd=7"}, "").code(), 1);
}

TEST_F(CliSink, ObeysOnlyWhenItIsTold) {
  const auto came = shell(R"(
    mkfifo in out; exec 7<>in 8<>out
    $SINK obey fd=1 <in >out & pid=$!
    echo one >&7; read line <&8; echo $line
    kill -TERM $pid; wait $pid; echo $?
    $SINK fd=1 <in >out & pid=$!
    echo two >&7; read line <&8; echo $line
    kill -TERM $pid; echo three >&7; read line <&8; echo $line
    kill -KILL $pid)");
  EXPECT_EQ(came.out, "one\n0\ntwo\nthree\n") << came.err;
}

TEST_F(CliSink, IsNotForPeople) {
  EXPECT_THAT(run_program(contained({"--help"})).out, Not(HasSubstr("sink")));
  EXPECT_THAT(run_program(contained({"generate", "bash"})).out, Not(HasSubstr("sink")));
}

}  // namespace
}  // namespace contained::test
