#include "cgroup/group.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "base/file.hpp"
#include "support/fixture_tree.hpp"

namespace contained::cgroup {
namespace {

using test::dir;
using test::file;
using test::FixtureTree;

UniqueFd open_dir(const std::string& path) {
  return std::move(open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY)).value();
}

TEST(ParseCpuStat, TakesWhatItKnows) {
  const auto time = parse_cpu_stat(
      "usage_usec 4000\nuser_usec 2500\nsystem_usec 1500\nuser_usec.extra 9\nnr_periods 0\n");
  EXPECT_EQ(time.user_us, 2500U);
  EXPECT_EQ(time.system_us, 1500U);
}

TEST(ParseCpuStat, AbsentIsZero) {
  for (const char* text : {"", "user_usec\n", "user_usec many\n", "xuser_usec 4\n",
                           "user_usec -3\n", "user_usec 99999999999999999999999\n"}) {
    EXPECT_EQ(parse_cpu_stat(text).user_us, 0U) << text;
  }
  EXPECT_EQ(parse_cpu_stat("system_usec 7").system_us, 7U);
}

TEST(ParsePopulated, ReadsItsLine) {
  EXPECT_TRUE(parse_populated("populated 1\nfrozen 0\n").value());
  EXPECT_FALSE(parse_populated("frozen 1\npopulated 0\n").value());
}

TEST(ParsePopulated, RefusesOtherTexts) {
  for (const char* text : {"", "frozen 0\n", "populated\n", "populated yes\n", "populated 2\n",
                           "unpopulated 1\n", "populated 1x\n"}) {
    const auto populated = parse_populated(text);
    ASSERT_FALSE(populated) << text;
    EXPECT_EQ(populated.error().code, EINVAL);
  }
}

TEST(ValidName, AllowsWhatWeMake) {
  const std::string longest(64, 'n');
  for (const std::string_view name :
       {std::string_view("a"), std::string_view("s-17"), std::string_view("web.1"),
        std::string_view("A_b-C.9"), std::string_view("-"), std::string_view("memory"),
        std::string_view("cpus.1"), std::string_view("tasks2"), std::string_view(longest)}) {
    EXPECT_TRUE(valid_name(name)) << name;
  }
}

TEST(ValidName, RefusesAttacks) {
  const std::string long_name(65, 'n');
  const std::string huge(300, 'n');
  const std::string nul("a\0b", 3);
  for (const std::string& name : {std::string(),
                                  std::string("."),
                                  std::string(".."),
                                  std::string("../.."),
                                  std::string("a/../../x"),
                                  std::string("/abs"),
                                  std::string("a/"),
                                  std::string("cgroup.procs"),
                                  std::string("cgroup.x"),
                                  std::string("memory.high"),
                                  std::string("cpu.stat"),
                                  std::string("tasks"),
                                  std::string("release_agent"),
                                  std::string("a\nb"),
                                  nul,
                                  std::string("a b"),
                                  std::string("\xc3\xa9t\xc3\xa9"),
                                  std::string("\xff"),
                                  std::string(".hidden"),
                                  long_name,
                                  huge}) {
    EXPECT_FALSE(valid_name(name)) << name;
  }
}

TEST(Group, RefusesBadNamesBeforeTheKernelSeesThem) {
  const FixtureTree tree({dir("base", {dir("inside")}), dir("outside")});
  const auto base = open_dir(tree.path("base"));
  for (const char* name : {"..", "../outside", "inside/../../outside", "cgroup.procs", ""}) {
    EXPECT_EQ(Group::create(base.get(), name).error().code, EINVAL) << name;
    EXPECT_EQ(Group::open(base.get(), name).error().code, EINVAL) << name;
  }
}

TEST(Group, FollowsNoPlantedSymlink) {
  const FixtureTree tree({dir("base"), dir("outside")});
  std::filesystem::create_directory_symlink(tree.path("outside"), tree.path("base/link"));
  const auto base = open_dir(tree.path("base"));
  EXPECT_EQ(Group::open(base.get(), "link").error().code, ENOTDIR);
  EXPECT_EQ(Group::create(base.get(), "link").error().code, EEXIST);
}

TEST(Group, NamesWhatItCouldNotMake) {
  const FixtureTree tree({dir("twin")});
  const auto base = open_dir(tree.root());
  const auto twin = Group::create(base.get(), "twin");
  ASSERT_FALSE(twin);
  EXPECT_EQ(twin.error().message(), "cgroup: eexist (twin)");
  EXPECT_EQ(Group::open(base.get(), "none").error().message(), "cgroup: enoent (none)");
}

TEST(Group, ReadsItsFiles) {
  const FixtureTree tree(
      {dir("g", {file("cgroup.events", "populated 1\n"),
                 file("cpu.stat", "user_usec 5\nsystem_usec 6\n"), file("cgroup.kill", "")})});
  const auto base = open_dir(tree.root());
  auto group = std::move(Group::open(base.get(), "g")).value();
  EXPECT_TRUE(group.populated().value());
  EXPECT_EQ(group.cpu_time().value().system_us, 6U);
  ASSERT_TRUE(group.kill());
  EXPECT_EQ(read_file_at(base.get(), "g/cgroup.kill").value(), "1");
}

TEST(Group, StaysWhileItIsPopulated) {
  const FixtureTree tree({dir("g", {file("cgroup.events", "populated 1\n"), dir("sub")})});
  const auto base = open_dir(tree.root());
  auto group = std::move(Group::open(base.get(), "g")).value();
  EXPECT_FALSE(group.remove().value());
  EXPECT_TRUE(std::filesystem::exists(tree.path("g/sub")));
}

TEST(Group, ABrokenEventsFileIsAnErrorNotEmptiness) {
  const FixtureTree tree({dir("g", {file("cgroup.events", "gibberish\n")})});
  const auto base = open_dir(tree.root());
  auto group = std::move(Group::open(base.get(), "g")).value();
  EXPECT_EQ(group.populated().error().code, EINVAL);
  EXPECT_EQ(group.remove().error().code, EINVAL);
}

}  // namespace
}  // namespace contained::cgroup
