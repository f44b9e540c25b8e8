#include "job/lines.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace contained::job {
namespace {

using Strings = std::vector<std::string>;

TEST(Words, ComeBackFromTheirLine) {
  const Strings words = {"signal", "a b", "line\nbreak", "\\s", ""};
  EXPECT_EQ(join_words(words), "signal a\\sb line\\nbreak \\\\s ");
  EXPECT_EQ(split_words(join_words(words)), words);
  EXPECT_EQ(split_words(join_words({"", "", "a"})), (Strings{"", "", "a"}));
}

TEST(Words, OfAnEmptyLineAreOneEmptyWord) { EXPECT_EQ(split_words(""), Strings{""}); }

TEST(Answers, WithLinesEndWithADot) {
  EXPECT_EQ(ok_answer(), "ok\n");
  EXPECT_EQ(ok_answer(Strings{}), "ok\n.\n");
  EXPECT_EQ(ok_answer({"a 1", ".", ".x"}), "ok\na 1\n..\n..x\n.\n");
}

TEST(Answers, ErrorsComeBack) {
  const auto text = error_answer("limit", "enotsup", "memory x");
  EXPECT_EQ(text, "error limit enotsup memory\\sx\n");
  const auto error = error_in(text.substr(0, text.size() - 1));
  EXPECT_EQ(error.stage, Stage::kLimit);
  EXPECT_EQ(error.code, ENOTSUP);
  EXPECT_EQ(error.subject, "memory x");
}

TEST(Answers, WhatIsNoErrorIsAProtocolError) {
  EXPECT_EQ(error_in("what").code, EPROTO);
  EXPECT_EQ(error_in("").code, EPROTO);
  EXPECT_EQ(error_in("error limit nosucherror x").code, EPROTO);
}

TEST(Answers, OfControl) {
  protocol::Answer answer;
  EXPECT_EQ(answer_of(answer), "ok\n");
  answer.what = protocol::Counters{{"pids_current", 3}};
  EXPECT_EQ(answer_of(answer), "ok\npids_current 3\n.\n");
  answer.what = std::vector<protocol::Limit>{{"memory", "64M"}};
  EXPECT_EQ(answer_of(answer), "ok\nmemory 64M\n.\n");
  answer.what = protocol::ControlError{"cgroup", "enotsup", "best_effort"};
  EXPECT_EQ(answer_of(answer), "error cgroup enotsup best_effort\n");
  const std::string command("sh\0-c\0a b\0", 10);
  answer.what = std::vector<protocol::ProcessRow>{{12, 1, 99, 'S', "sh", command}};
  EXPECT_EQ(answer_of(answer), "ok\n12 1 99 S sh sh\\s-c\\sa\\sb\n.\n");
}

TEST(Ladders, ComeBackFromTheirText) {
  const protocol::Ladder ladder = {{SIGTERM, 5000}, {SIGINT, 0}};
  EXPECT_EQ(text_of(ladder), "15:5000,2:0");
  EXPECT_EQ(parse_ladder("15:5000,2:0"), ladder);
  EXPECT_EQ(parse_ladder("TERM:5000,SIGINT:0"), ladder);
  EXPECT_EQ(parse_ladder(""), protocol::Ladder{});
}

TEST(Ladders, WrongOnesAreNone) {
  for (const char* text : {"15", "15:", "x:1", "15:1;2:1", "0:1", "65:1", "15:-1", ":5"}) {
    EXPECT_EQ(parse_ladder(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace contained::job
