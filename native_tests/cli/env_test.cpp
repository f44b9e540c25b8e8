// `contained env`, the real program, and as denv and envdir. D15 are defects of these.
#include <gmock/gmock.h>
#include <unistd.h>

#include "cli/supervised.hpp"

namespace contained::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class EnvTest : public Supervised {
 protected:
  Came env(std::vector<std::string> words, const std::string& name = "contained",
           bool print = true) const {
    if (name == "contained") words.insert(words.begin(), "env");
    if (print) words.emplace_back("/usr/bin/env");
    auto it = asked(std::move(words), name);
    it.env = {{"OURS", "1"}, {"PATHOLOGY", "2"}};
    return run_program(std::move(it));
  }

  std::string directory() const {
    std::filesystem::create_directory(dir_.path("d"));
    dir_.file("d/SET", "value \t\nsecond\n", 0644);
    dir_.file("d/OPEN", "no end", 0644);
    dir_.file("d/OURS", "", 0644);
    dir_.file("d/.hidden", "x", 0644);
    std::filesystem::create_directory(dir_.path("d/SUB"));
    std::filesystem::create_symlink("SET", dir_.path("d/LINK"));
    return dir_.path("d");
  }
};

TEST_F(EnvTest, BeginsEmptyAndTakesPiecesInTheirOrder) {
  EXPECT_EQ(env({}).out, "");
  EXPECT_EQ(env({"-E", "A=1", "-E", "B=2", "-E", "A"}).out, "B=2\n");
  EXPECT_EQ(env({"-E", "A", "-E", "A=1"}).out, "A=1\n");
  EXPECT_EQ(env({"-E", "OURS=x", "-i", "OURS"}).out, "OURS=1\n");
  EXPECT_EQ(env({"-i", "OURS", "-E", "OURS=x"}).out, "OURS=x\n");
  EXPECT_THAT(env({"-E", "OURS=x", "-I"}).out, HasSubstr("OURS=1\n"));
  EXPECT_THAT(env({"-I", "-E", "OURS"}).out, testing::Not(HasSubstr("OURS=")));
}

TEST_F(EnvTest, D15_NamesAreWholeNames) {
  EXPECT_EQ(env({"-i", "PATHOLOGY"}).out, "PATHOLOGY=2\n");
  EXPECT_EQ(env({"-i", "PATHO"}).out, "");
}

TEST_F(EnvTest, D15_ADirectoryOfVariables) {
  const auto path = directory();
  EXPECT_EQ(env({"-i", "OURS", "-d", path}).out, "OPEN=no end\nSET=value\n");
  const auto as_envdir = env({path}, "envdir").out;
  EXPECT_THAT(as_envdir, HasSubstr("OPEN=no end\nSET=value\n"));
  EXPECT_THAT(as_envdir, HasSubstr("PATHOLOGY=2\n"));
  EXPECT_THAT(as_envdir, testing::Not(HasSubstr("OURS=")));
}

TEST_F(EnvTest, AFileOfVariables) {
  dir_.file("f", "# comment\n\n  A=1 2 \t\nB=\nC=x=y\nLAST=no end", 0644);
  EXPECT_EQ(env({"-E", "B=2", "-f", "f"}).out, "A=1 2\nC=x=y\nLAST=no end\n");
}

TEST_F(EnvTest, D15_MistakesAreNamedByFileAndLine) {
  dir_.file("f", "A=1\n\nnonsense\n", 0644);
  const auto came = env({"-f", "f"});
  EXPECT_EQ(came.code(), 125);
  EXPECT_EQ(came.err, "contained: f:3: a line has no '='\n");
  dir_.file("g", "=x\n", 0644);
  EXPECT_THAT(env({"-f", "g"}).err, StartsWith("contained: g:1: "));
  EXPECT_EQ(env({"-f", "no"}).err, "contained: no: No such file or directory\n");
  EXPECT_EQ(env({"-d", "no"}).err, "contained: no: No such file or directory\n");
  EXPECT_EQ(env({"-E", "=x"}).code(), 125);
}

TEST_F(EnvTest, ExitCodes) {
  EXPECT_EQ(env({"sh", "-c", "exit 3"}, "contained", false).code(), 3);
  EXPECT_EQ(env({"/etc/passwd"}, "contained", false).code(), 126);
  EXPECT_EQ(env({"no-such-program"}, "contained", false).code(), 127);
  EXPECT_EQ(env({}, "contained", false).code(), 2);
  EXPECT_EQ(env({"-f", "no"}, "denv").code(), 111);
  EXPECT_EQ(env({"no-such-program"}, "denv", false).code(), 111);
}

}  // namespace
}  // namespace contained::test
