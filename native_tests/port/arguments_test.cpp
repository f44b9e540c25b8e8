#include "port/arguments.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

namespace contained::port {
namespace {

Result<Arguments> parse(std::initializer_list<const char*> words) {
  std::vector<char*> mutable_words;
  for (const char* word : words) mutable_words.push_back(const_cast<char*>(word));
  return parse_arguments(mutable_words);
}

TEST(ArgumentsTest, NoneIsToServe) {
  const auto arguments = parse({});
  ASSERT_TRUE(arguments.ok());
  EXPECT_EQ(arguments->mode, Arguments::Mode::kServe);
  EXPECT_EQ(arguments->cgroup_base, "");
}

TEST(ArgumentsTest, TheBaseOfControlGroups) {
  EXPECT_EQ(parse({"--cgroup-base", "/x/y"})->cgroup_base, "/x/y");
  EXPECT_EQ(parse({"--cgroup-base"}).error().subject, "--cgroup-base");
}

TEST(ArgumentsTest, AFileToLock) {
  EXPECT_EQ(parse({"--lock", "/run/x"})->mode, Arguments::Mode::kLock);
  EXPECT_EQ(parse({"--lock", "/run/x"})->lock, "/run/x");
  EXPECT_FALSE(parse({"--lock"}).ok());
  EXPECT_FALSE(parse({"--lock", "/a", "/b"}).ok());
}

TEST(ArgumentsTest, AProbeTakesNoWords) {
  EXPECT_EQ(parse({"--probe"})->mode, Arguments::Mode::kProbe);
  EXPECT_FALSE(parse({"--probe", "net"}).ok());
}

TEST(ArgumentsTest, VictimsAreAPidAndAStartTime) {
  const auto arguments = parse({"--kill", "12:345", "7:0"});
  ASSERT_TRUE(arguments.ok());
  EXPECT_EQ(arguments->mode, Arguments::Mode::kKill);
  EXPECT_EQ(arguments->victims, (std::vector<Victim>{{12, 345}, {7, 0}}));
}

TEST(ArgumentsTest, NobodyElseIsEverAVictim) {
  for (const char* word : {"0:1", "1:1", "-1:1", "12", "12:", ":5", "12:5x", "x", "", "12 :5"}) {
    const auto arguments = parse({"--kill", word});
    ASSERT_FALSE(arguments.ok()) << word;
    EXPECT_EQ(arguments.error().subject, word);
  }
}

TEST(ArgumentsTest, TheWayToContain) {
  EXPECT_EQ(parse({})->containment, "auto");
  EXPECT_EQ(parse({"--containment", "auto"})->containment, "auto");
  EXPECT_EQ(parse({"--containment", "required"})->containment, "required");
  EXPECT_EQ(parse({"--containment", "cgroup2"})->containment, "cgroup2");
  EXPECT_EQ(parse({"--containment", "hybrid"})->containment, "hybrid");
  EXPECT_EQ(parse({"--containment", "cgroup1"})->containment, "cgroup1");
  EXPECT_EQ(parse({"--containment", "best_effort"})->containment, "best_effort");
  EXPECT_EQ(parse({"--containment", "best"}).error().subject, "--containment");
  EXPECT_EQ(parse({"--containment"}).error().subject, "--containment");
}

TEST(ArgumentsTest, OptionsOfServingInAnyOrder) {
  const auto arguments = parse({"--take-over", "--containment", "hybrid", "--cgroup-base", "/x"});
  ASSERT_TRUE(arguments.ok());
  EXPECT_EQ(arguments->mode, Arguments::Mode::kServe);
  EXPECT_TRUE(arguments->take_over);
  EXPECT_EQ(arguments->containment, "hybrid");
  EXPECT_EQ(arguments->cgroup_base, "/x");
  EXPECT_EQ(parse({"--take-over", "x"}).error().subject, "x");
}

TEST(ArgumentsTest, AnIdentityHasEachFieldOnce) {
  const auto arguments = parse({"--identity", "user=a=b", "group=7", "groups=x,y,,7"});
  ASSERT_TRUE(arguments.ok());
  EXPECT_EQ(arguments->mode, Arguments::Mode::kIdentity);
  EXPECT_EQ(arguments->identity.user, "a=b");
  EXPECT_EQ(arguments->identity.group, "7");
  EXPECT_EQ(arguments->identity.groups, (std::vector<std::string>{"x", "y", "", "7"}));
  EXPECT_EQ(parse({"--identity", "groups="})->identity.groups, std::vector<std::string>{});
}

TEST(ArgumentsTest, AnythingElseIsNoIdentity) {
  for (const char* word : {"user", "user=", "group=", "home=x", "=x", ""}) {
    EXPECT_EQ(parse({"--identity", word}).error().subject, word);
  }
  EXPECT_EQ(parse({"--identity", "user=a", "user=b"}).error().subject, "user=b");
  EXPECT_EQ(parse({"--identity", "groups=a", "groups=b"}).error().subject, "groups=b");
  EXPECT_EQ(parse({"--identity"}).error().subject, "--identity");
}

TEST(ArgumentsTest, AnythingElseIsRefusedByName) {
  EXPECT_EQ(parse({"--nonsense"}).error().subject, "--nonsense");
  EXPECT_EQ(parse({"--version", "x"}).error().subject, "--version");
}

TEST(ArgumentsTest, ASinkHasWordsOfItsOwn) {
  const auto arguments = parse({"--sink", "file=/a", "gzip"});
  ASSERT_TRUE(arguments.ok());
  EXPECT_EQ(arguments->mode, Arguments::Mode::kSink);
  EXPECT_EQ(arguments->sink.size(), 2U);
  EXPECT_FALSE(parse({"--sink"}).ok());
}

}  // namespace
}  // namespace contained::port
