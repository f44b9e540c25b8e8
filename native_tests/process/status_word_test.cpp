#include "process/status_word.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>
#include <string>

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

TEST(StatusWord, OtherStagesHaveNoDetail) {
  EXPECT_EQ(message(Stage::kNice, EACCES, 7), "nice: eacces");
  EXPECT_EQ(message(Stage::kRlimit, EINVAL), "rlimit: einval");
}

TEST(StatusWord, MayBeFollowedByASubject) {
  const auto word = encode_status(Stage::kLandlock, ENOENT);
  const std::string_view alone(word.data(), word.size());
  EXPECT_EQ(decode_status(alone).message(), "landlock: enoent");
  EXPECT_EQ(decode_status(std::string(alone) + "/no/such").message(),
            "landlock: enoent (/no/such)");
}

}  // namespace
}  // namespace contained::process
