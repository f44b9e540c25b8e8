#include "base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace contained {
namespace {

TEST(ErrnoName, IsWhatErlangWrites) {
  EXPECT_EQ(errno_name(ENOENT), "enoent");
  EXPECT_EQ(errno_name(EACCES), "eacces");
  EXPECT_EQ(errno_name(E2BIG), "e2big");
  EXPECT_EQ(errno_name(EHWPOISON), "ehwpoison");
}

TEST(ErrnoName, OfTwoNamesForOneNumberIsErlangs) {
  EXPECT_EQ(errno_name(EWOULDBLOCK), "eagain");
  EXPECT_EQ(errno_name(ENOTSUP), "enotsup");
  EXPECT_EQ(errno_name(EDEADLOCK), "edeadlk");
}

TEST(ErrnoName, OfAnUnknownNumberSaysTheNumber) {
  EXPECT_EQ(errno_name(0), "errno_0");
  EXPECT_EQ(errno_name(-1), "errno_-1");
  EXPECT_EQ(errno_name(4095), "errno_4095");
}

TEST(ErrnoName, AreAllDifferent) {
  std::set<std::string> names;
  for (int code = 1; code <= EHWPOISON; ++code) names.insert(errno_name(code));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(EHWPOISON));
}

TEST(ErrnoName, KnowsEveryNumberThatTheLibraryKnows) {
#ifdef __GLIBC__
  for (int code = 1; code < 4096; ++code) {
    const bool ours = errno_name(code) != "errno_" + std::to_string(code);
    EXPECT_EQ(ours, strerrorname_np(code) != nullptr) << code;
  }
#else
  GTEST_SKIP() << "needs glibc's strerrorname_np to compare with";
#endif
}

TEST(ErrnoNamed, LeadsBackToTheNumber) {
  for (int code = 1; code < 4096; ++code) {
    const auto text = errno_name(code);
    if (text.starts_with("errno_")) continue;
    EXPECT_EQ(errno_named(text), code);
  }
  EXPECT_EQ(errno_named("EPERM"), std::nullopt);
  EXPECT_EQ(errno_named(""), std::nullopt);
}

TEST(StageName, EveryStageHasItsOwn) {
  std::set<std::string_view> names;
  const auto last = static_cast<int>(Stage::kLimit);
  for (int stage = 0; stage <= last; ++stage) names.insert(name(static_cast<Stage>(stage)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(last) + 1);
  EXPECT_EQ(names.count("unknown"), 0U);
  EXPECT_EQ(name(Stage::kExec), "exec");
  EXPECT_EQ(name(Stage::kLimit), "limit");
  EXPECT_EQ(name(Stage::kNamespace), "namespace");
  EXPECT_EQ(name(Stage::kNetwork), "network");
}

TEST(StageName, LeadsBackToTheStage) {
  for (int number = 0; number <= static_cast<int>(Stage::kNetwork); ++number) {
    const auto stage = static_cast<Stage>(number);
    EXPECT_EQ(stage_named(name(stage)), stage);
  }
  EXPECT_EQ(stage_named("unknown"), std::nullopt);
}

TEST(StageName, OfANumberBeyondTheLastIsUnknown) {
  EXPECT_EQ(name(static_cast<Stage>(200)), "unknown");
}

TEST(Error, LastTakesErrnoStageAndSubject) {
  errno = ENOTDIR;
  const auto error = Error::last(Stage::kChdir, "/etc/passwd");
  errno = 0;
  EXPECT_EQ(error.code, ENOTDIR);
  EXPECT_EQ(error.stage, Stage::kChdir);
  EXPECT_EQ(error.subject, "/etc/passwd");
}

TEST(Error, MessageNamesStageErrnoAndSubject) {
  EXPECT_EQ((Error{ENOENT, Stage::kExec, "/no/such"}).message(), "exec: enoent (/no/such)");
  EXPECT_EQ((Error{EAGAIN, Stage::kFork, {}}).message(), "fork: eagain");
}

}  // namespace
}  // namespace contained
