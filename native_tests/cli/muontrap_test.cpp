// MuonTrap's wrapper, by a link of its name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace {

using contained::test::pid_in;
using contained::test::Program;
using contained::test::run_program;
using contained::test::TempDir;
using Words = std::vector<std::string>;

// Its stdin stays open until it is closed.
contained::test::Asked muontrap(Words words) {
  words.insert(words.begin(), CONTAINED_CLI_PATH);
  return {.words = std::move(words), .input = "", .argv0 = "/somewhere/muontrap"};
}

TEST(MuonTrap, StatusAndOutputAreTheCommands) {
  Program program(muontrap({"--delay-to-sigkill", "50", "--", "sh", "-c", "echo out; exit 5"}));
  ASSERT_TRUE(program.wait_for_output("out\n"));
  EXPECT_EQ(program.wait_for_exit().code(), 5);
}

TEST(MuonTrap, AFailureIsOne) {
  EXPECT_EQ(run_program(muontrap({"--", "/no/such"})).code(), 1);
  EXPECT_EQ(run_program(muontrap({"--bogus", "--", "true"})).code(), 1);
  EXPECT_EQ(run_program(muontrap({"-c", "no-such", "-g", "x", "--", "true"})).code(), 1);
}

TEST(MuonTrap, WithAWindowOutputIsCapturedOnDemand) {
  const Words shell = {"--", "sh", "-c", "echo out; echo err >&2"};
  const auto with = [&shell](Words words) {
    words.insert(words.end(), shell.begin(), shell.end());
    Program program(muontrap(std::move(words)));
    const auto came = program.wait_for_exit();
    return came.out + "|" + came.err;
  };
  EXPECT_EQ(with({"--stdio-window", "10240"}), "|err\n");
  EXPECT_EQ(with({"--stdio-window", "10240", "--capture-output"}), "out\n|err\n");
  EXPECT_EQ(with({"--stdio-window", "10240", "--capture-output", "--capture-stderr"}),
            "out\nerr\n|");
  EXPECT_EQ(with({"--stdio-window", "10240", "--capture-stderr-only"}), "err\n|");
}

TEST(MuonTrap, WhatComesByStdinIsNotTheCommands) {
  Program program(muontrap({"--", "sh", "-c", "cat; echo end; sleep 600"}));
  ASSERT_TRUE(program.wait_for_output("end\n"));
  EXPECT_TRUE(program.write("acknowledged"));
  EXPECT_EQ(program.wait().code(), 128 + SIGTERM);
  EXPECT_EQ(program.output(), "end\n");
}

TEST(MuonTrap, TheEndOfStdinKillsWhatIgnoresIt) {
  const TempDir directory;
  Program program(muontrap({"-k", "20", "--arg0", "somebody", "--", "sh", "-c",
                            "trap '' TERM; setsid sleep 600 & echo $! > " +
                                directory.path("child") + "; while :; do sleep 0.05; done"}));
  const pid_t child = pid_in(directory.path("child"));
  program.close_input();
  EXPECT_EQ(program.wait().code(), 128 + SIGKILL);
  EXPECT_FALSE(contained::test::lives(child));
}

}  // namespace
