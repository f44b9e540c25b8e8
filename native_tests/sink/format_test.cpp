#include "sink/format.hpp"

#include "sink/support.hpp"

namespace contained::sink {
namespace {

TEST(FormatTest, WithoutOptionsTextIsHandedThrough) {
  Format format({});
  const std::string text("a\n\n\0b", 5);
  EXPECT_EQ(format.apply(text, at()).data(), text.data());
}

TEST(FormatTest, EachLineGetsItsTime) {
  Format format({true, "", false});
  EXPECT_EQ(format.apply("a\nb\n", at(123)),
            "2026-11-21T06:57:41.123000Z a\n2026-11-21T06:57:41.123000Z b\n");
  EXPECT_EQ(format.apply("c\n", at(1999)), "2026-11-21T06:57:42.999000Z c\n");
}

TEST(FormatTest, ALineInPiecesIsMarkedOnce) {
  Format format({false, "> ", false});
  EXPECT_EQ(format.apply("a", at()), "> a");
  EXPECT_EQ(format.apply("b\nc", at()), "b\n> c");
  EXPECT_EQ(format.apply("\n", at()), "\n");
  EXPECT_EQ(format.apply("", at()), "");
}

TEST(FormatTest, EmptyLinesAreSkippedButNotTheEndOfALine) {
  Format format({false, "", true});
  EXPECT_EQ(format.apply("\n\na\n\nb", at()), "a\nb");
  EXPECT_EQ(format.apply("\n\n", at()), "\n");
}

TEST(FormatTest, WhatContinuesALineIsNotMarked) {
  Format format({false, "> ", false});
  format.continue_line();
  EXPECT_EQ(format.apply("b\nc\n", at()), "b\n> c\n");
}

}  // namespace
}  // namespace contained::sink
