// What is written in which order, into files that take everything.
#include "cgroup/apply.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "base/file.hpp"
#include "support/fixture_tree.hpp"

namespace contained::cgroup {
namespace {

using test::file;
using test::FixtureTree;
using Names = std::vector<std::string>;

// One directory of one version for the controllers named.
class Fixture : public Place {
 public:
  Fixture(const FixtureTree& tree, Version version, Names controllers)
      : dir_(std::move(open_at(AT_FDCWD, tree.root(), O_RDONLY | O_DIRECTORY)).value()),
        version_(version),
        controllers_(std::move(controllers)) {}

  std::optional<Version> version(std::string_view controller) const override {
    for (const auto& name : controllers_) {
      if (name == controller) return version_;
    }
    return std::nullopt;
  }
  Result<int> directory(std::string_view) override { return dir_.get(); }

  std::string text(const std::string& name) const { return read_file_at(dir_.get(), name).value(); }
  int fd() const { return dir_.get(); }

 private:
  UniqueFd dir_;
  Version version_;
  Names controllers_;
};

std::string message(const Status& status) { return status ? "ok" : status.error().message(); }

TEST(Apply, WritesWhatTheTableSays) {
  const FixtureTree tree({file("memory.max", ""), file("pids.max", ""), file("cpu.max", "")});
  Fixture place(tree, Version::kV2, {"memory", "pids", "cpu"});
  ASSERT_TRUE(
      apply(place, std::vector<Limit>{{"memory", "1M"}, {"pids", "9"}, {"cpu", "2"}}, nullptr));
  EXPECT_EQ(place.text("memory.max"), "1048576");
  EXPECT_EQ(place.text("pids.max"), "9");
  EXPECT_EQ(place.text("cpu.max"), "200000 100000");
}

TEST(Apply, WhatIsMissingIsUnsupported) {
  const FixtureTree tree({file("memory.max", "")});
  Fixture place(tree, Version::kV2, {"memory"});
  const auto one = [&](const char* key, const char* value) {
    return message(apply(place, std::vector<Limit>{{key, value}}, nullptr));
  };
  EXPECT_EQ(one("pids", "1"), "limit: enotsup (pids)") << "no controller";
  EXPECT_EQ(one("memory_high", "1"), "limit: enotsup (memory_high)") << "no file";
  EXPECT_EQ(one("pids", "x"), "limit: einval (pids)") << "wrong everywhere";
  EXPECT_EQ(one("swap", "max"), "ok") << "nothing to forbid";
}

TEST(Apply, IgnoresOnlyWhatIsUnsupported) {
  const FixtureTree tree({file("memory.max", "")});
  Fixture place(tree, Version::kV2, {"memory"});
  Names ignored;
  ASSERT_TRUE(apply(place, std::vector<Limit>{{"pids", "1"}, {"memory", "4096"}}, &ignored));
  ASSERT_TRUE(apply(place, std::vector<Setting>{{"cpuset", "cpuset.cpus", "0"}}, &ignored));
  EXPECT_EQ(ignored, (Names{"pids", "cpuset.cpus"}));
  EXPECT_EQ(place.text("memory.max"), "4096");
  EXPECT_EQ(message(apply(place, std::vector<Limit>{{"pids", "x"}}, &ignored)),
            "limit: einval (pids)");
}

TEST(Apply, IoWeightFallsBackOnBfq) {
  const FixtureTree tree({file("io.bfq.weight", "")});
  Fixture place(tree, Version::kV2, {"io"});
  ASSERT_TRUE(apply(place, std::vector<Limit>{{"io_weight", "200"}}, nullptr));
  EXPECT_EQ(place.text("io.bfq.weight"), "200");
}

TEST(Apply, RawSettingsMakeOneBandwidthOfTwoFiles) {
  const FixtureTree tree({file("cpu.max", "")});
  Fixture place(tree, Version::kV2, {"cpu"});
  ASSERT_TRUE(apply(place,
                    std::vector<Setting>{{"cpu", "cpu.cfs_period_us", "50000"},
                                         {"cpu", "cpu.cfs_quota_us", "20000"}},
                    nullptr));
  EXPECT_EQ(place.text("cpu.max"), "20000 50000");
}

TEST(Apply, MemoryOnV1KeepsTheSwapBesideIt) {
  const FixtureTree tree(
      {file("memory.limit_in_bytes", "04096"), file("memory.memsw.limit_in_bytes", "12288")});
  Fixture place(tree, Version::kV1, {"memory"});
  ASSERT_TRUE(apply(place, std::vector<Limit>{{"memory", "16384"}}, nullptr));
  EXPECT_EQ(place.text("memory.limit_in_bytes"), "16384");
  EXPECT_EQ(place.text("memory.memsw.limit_in_bytes"), "24576");
  ASSERT_TRUE(apply(place, std::vector<Limit>{{"swap", "32768"}}, nullptr));
  EXPECT_EQ(place.text("memory.memsw.limit_in_bytes"), "49152");
}

TEST(WriteSetting, IsErangeWhenAnotherValueWasTaken) {
  // The files keep the tail of what was longer: as good as a clamp.
  const FixtureTree tree({file("cpu.weight", "100000"), file("memory.high", "x")});
  Fixture place(tree, Version::kV2, {});
  EXPECT_EQ(message(write_setting(place.fd(), {"cpu", "cpu.weight", "5"}, "cpu_weight")),
            "limit: erange (cpu_weight)");
  EXPECT_EQ(message(write_setting(place.fd(), {"cpu", "cpu.uclamp.min", "5"}, "file")),
            "limit: enotsup (file)");
}

TEST(IsAsWritten, AllowsRoundingToPagesButNotClamping) {
  const auto page = std::to_string(::sysconf(_SC_PAGESIZE));
  EXPECT_TRUE(is_as_written("memory.max", std::to_string(std::stol(page) + 1), page + "\n"));
  EXPECT_FALSE(is_as_written("memory.max", "1", "0\n")) << "rounded to nothing";
  EXPECT_TRUE(is_as_written("memory.max", "0", "0\n"));
  EXPECT_FALSE(is_as_written("memory.max", "1099511627776", "4096\n"));
  EXPECT_TRUE(is_as_written("memory.max", "18446744073709551615", "max\n"));
  EXPECT_TRUE(is_as_written("hugetlb.2MB.max", "3145728", "2097152\n"));
  EXPECT_FALSE(is_as_written("hugetlb.2MB.max", "9145728", "2097152\n"));
  EXPECT_FALSE(is_as_written("cpu.shares", "262145", "262144\n"));
  EXPECT_TRUE(is_as_written("cpuset.cpus", "1,0", "0-1\n"));
  EXPECT_FALSE(is_as_written("cpuset.cpus", "0-3", "0-1\n"));
  EXPECT_TRUE(is_as_written("memory.swappiness", "5", "6\n")) << "not compared";
  EXPECT_TRUE(is_as_written("memory.max", "max", "max\n"));
}

}  // namespace
}  // namespace contained::cgroup
