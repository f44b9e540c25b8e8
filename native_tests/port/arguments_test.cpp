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

TEST(ArgumentsTest, AnythingElseIsRefusedByName) {
  EXPECT_EQ(parse({"--nonsense"}).error().subject, "--nonsense");
  EXPECT_EQ(parse({"--version", "x"}).error().subject, "--version");
}

}  // namespace
}  // namespace contained::port
