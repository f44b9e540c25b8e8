#include "process/status_word.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string>

#include "base/unique_fd.hpp"
#include "process/spawn.hpp"

namespace contained::process {
namespace {

std::string message(Stage stage, int code, Detail detail = kNoDetail) {
  return decode_status(encode_status(stage, code, detail)).message();
}

TEST(StatusWord, CarriesStageAndErrno) {
  EXPECT_EQ(message(Stage::kExec, ENOENT), "exec: enoent");
  EXPECT_EQ(message(Stage::kCgroup, 4095), "cgroup: errno_4095");
}

TEST(StatusWord, NamesWhichOneItWas) {
  EXPECT_EQ(message(Stage::kRlimit, EPERM, RLIMIT_NOFILE), "rlimit: eperm (nofile)");
  EXPECT_EQ(message(Stage::kIds, EPERM, static_cast<Detail>(IdField::kGroups)),
            "ids: eperm (groups)");
  EXPECT_EQ(message(Stage::kIds, EPERM, static_cast<Detail>(IdField::kGid)), "ids: eperm (gid)");
  EXPECT_EQ(message(Stage::kIds, EAGAIN, static_cast<Detail>(IdField::kUid)), "ids: eagain (uid)");
  EXPECT_EQ(message(Stage::kCapabilities, EPERM, 10), "capabilities: eperm (net_bind_service)");
}

// As the worker hears it: in one piece, cut where a pipe would take it in two.
std::string told_about(const std::string& subject) {
  std::array<int, 2> ends;
  EXPECT_EQ(::pipe(ends.data()), 0);
  const UniqueFd read_end(ends[0]);
  const pid_t child = ::fork();
  if (child == 0) {
    errno = ENOENT;
    fail_about(subject.c_str(), Stage::kMount, ends[1]);
  }
  ::close(ends[1]);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  const auto status = read_exec_status(read_end.get());
  EXPECT_EQ(status.state, ExecState::kFailed);
  return status.error.message();
}

TEST(StatusWord, CarriesAText) {
  EXPECT_EQ(told_about("/srv/data"), "mount: enoent (/srv/data)");
  EXPECT_EQ(told_about(""), "mount: enoent");
}

TEST(StatusWord, ALongTextIsCut) {
  const auto told = told_about(std::string(10'000, 'x'));
  EXPECT_TRUE(told.starts_with("mount: enoent (xxx")) << told;
  EXPECT_EQ(told.size(), std::string("mount: enoent ()").size() + PIPE_BUF - StatusWord().size());
}

TEST(StatusWord, OtherStagesHaveNoDetail) {
  EXPECT_EQ(message(Stage::kNice, EACCES, 7), "nice: eacces");
  EXPECT_EQ(message(Stage::kRlimit, EINVAL), "rlimit: einval");
}

}  // namespace
}  // namespace contained::process
