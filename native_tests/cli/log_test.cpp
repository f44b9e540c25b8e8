// `contained log`, the real program, by its own name and as dlog, drlog and dslog. D10 to D13 are
// defects of these that it must not have.
#include <gmock/gmock.h>
#include <unistd.h>

#include <regex>

#include "cli/supervised.hpp"

namespace contained::test {
namespace {

using testing::MatchesRegex;
using testing::StartsWith;

class LogTest : public Supervised {
 protected:
  Came log(const std::string& input, std::vector<std::string> words, const std::string& name,
           const std::string& variable = "") const {
    if (name == "contained") words.insert(words.begin(), "log");
    auto it = asked(std::move(words), name);
    it.input = input;
    if (!variable.empty()) it.env["DLOG_OPTIONS"] = variable;
    return run_program(std::move(it));
  }
};

TEST_F(LogTest, WritesToAFileADirectoryOrStdout) {
  EXPECT_EQ(log("a\nb\n", {"it.log"}, "contained").code(), 0);
  EXPECT_EQ(text("it.log"), "a\nb\n");
  std::filesystem::create_directory(dir_.path("d"));
  EXPECT_EQ(log("c\n", {"--dir", "d"}, "contained").code(), 0);
  EXPECT_EQ(text("d/current"), "c\n");
  EXPECT_EQ(log("d\n\ne", {"-e", "-p", "x:"}, "contained").out, "x: d\nx: e");
  EXPECT_THAT(log("f\n", {"-t"}, "contained").out,
              MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z f\n"));
}

TEST_F(LogTest, WhatCannotBeOpenedIsSaid) {
  const auto came = log("", {"no/such/file"}, "contained");
  EXPECT_EQ(came.code(), 1);
  EXPECT_THAT(came.err, StartsWith("contained: file: enoent ("));
  EXPECT_EQ(log("", {"--facility", "kitchen"}, "contained").code(), 2);
  EXPECT_EQ(log("", {"--keep", "-1", "x"}, "contained").code(), 2);
  EXPECT_EQ(log("", {}, "drlog").code(), 2);
}

TEST_F(LogTest, WhatADiskThatIsFullCostsIsTold) {
  const auto fill = "mount -t tmpfs -o size=64k none /mnt && yes | head -c 200000 | " +
                    std::string(CONTAINED_CLI_PATH) + " log /mnt/log";
  const auto came = run_program({.words = {"/usr/bin/unshare", "-m", "sh", "-c", fill}});
  if (came.code() != 0) GTEST_SKIP() << "needs root, to mount a small file system: " << came.err;
  EXPECT_THAT(came.err, StartsWith("contained: log: /mnt/log: No space left on device\n"));
  EXPECT_THAT(came.err, testing::ContainsRegex("/mnt/log: [0-9]+ bytes were dropped\n"));
}

TEST_F(LogTest, D10_RotationsWithinASecondKeepAllLines) {
  std::filesystem::create_directory(dir_.path("d"));
  std::string all;
  for (int i = 0; i < 20; ++i) all += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(log(all, {"-s", "16", "-m", "100", "d"}, "drlog").code(), 0);
  std::string kept;
  for (int i = 1; ::access(dir_.path("d/current." + std::to_string(i)).c_str(), F_OK) == 0; ++i) {
    kept += text("d/current." + std::to_string(i));
  }
  EXPECT_EQ(kept + text("d/current"), all);
  EXPECT_NE(kept, "");
}

TEST_F(LogTest, D10_NoMoreFilesThanAreWanted) {
  std::filesystem::create_directory(dir_.path("d"));
  EXPECT_EQ(log("1\n2\n3\n4\n5\n", {"-s", "2", "-m", "2", "d"}, "drlog").code(), 0);
  EXPECT_EQ(text("d/current.3") + text("d/current.4") + text("d/current"), "3\n4\n5\n");
  EXPECT_NE(::access(dir_.path("d/current.2").c_str(), F_OK), 0);
}

TEST_F(LogTest, D11_TheSizeThatIsThereCounts) {
  std::filesystem::create_directory(dir_.path("d"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(log("12345\n", {"-s", "8", "d"}, "drlog").code(), 0);
  EXPECT_EQ(text("d/current"), "12345\n");
  EXPECT_EQ(text("d/current.2"), "12345\n");
}

TEST_F(LogTest, D11_AgeCountsWithoutASize) {
  std::filesystem::create_directory(dir_.path("d"));
  const auto old = dir_.file("d/current", "old\n", 0644);
  std::filesystem::last_write_time(
      old, std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 20));
  EXPECT_EQ(log("new\n", {"-s", "0", "-T", "5d", "d"}, "drlog").code(), 0);
  EXPECT_EQ(text("d/current.1"), "old\n");
  EXPECT_EQ(text("d/current"), "new\n");
}

TEST_F(LogTest, D11_AnotherDescriptorIsRead) {
  const auto came = run_program(
      {.words = {"/bin/sh", "-c", "echo x | $0 log -i 5 5<&0 </dev/null", CONTAINED_CLI_PATH}});
  EXPECT_EQ(came.out, "x\n");
}

TEST_F(LogTest, D12_HupOpensAnew) {
  auto it = asked({"it.log"}, "dlog");
  it.input = "one\n";
  Program program(std::move(it));
  ASSERT_TRUE(waits_for("it.log", "one\n"));
  std::filesystem::rename(dir_.path("it.log"), dir_.path("old.log"));
  program.signal(SIGHUP);
  ASSERT_TRUE(before_long([&] { return ::access(dir_.path("it.log").c_str(), F_OK) == 0; }));
  ASSERT_TRUE(program.write("two\n"));
  program.close_input();
  EXPECT_EQ(program.wait().code(), 0);
  EXPECT_EQ(text("old.log"), "one\n");
  EXPECT_EQ(text("it.log"), "two\n");
}

TEST_F(LogTest, D13_ALastLineWithoutItsEndIsKept) {
  EXPECT_EQ(log("a", {}, "dlog").out, "a");
  EXPECT_EQ(log("a\nb", {"it.log"}, "dlog").code(), 0);
  EXPECT_EQ(text("it.log"), "a\nb");
}

TEST_F(LogTest, TermEndsItOnceAllIsWritten) {
  auto it = asked({"log", "it.log"});
  it.input = "one\n";
  Program program(std::move(it));
  ASSERT_TRUE(waits_for("it.log", "one\n"));
  program.signal(SIGSTOP);
  ASSERT_TRUE(program.write("two\nthree"));
  program.signal(SIGTERM);
  program.signal(SIGCONT);
  EXPECT_EQ(program.wait_for_exit().code(), 0);
  EXPECT_EQ(text("it.log"), "one\ntwo\nthree");
}

TEST_F(LogTest, AsDlogItHasItsLetters) {
  EXPECT_THAT(log("\nx\n", {"-t", "-p", "p:", "-e", "-b"}, "dlog").out,
              MatchesRegex("[0-9-]{10}/[0-9:]{8} p: x\n"));
  EXPECT_EQ(log("\nx\n", {}, "dlog", "-e -p 'a b'").out, "a b x\n");
}

}  // namespace
}  // namespace contained::test
