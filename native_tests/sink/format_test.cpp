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
  Format format({.timestamp = true});
  EXPECT_EQ(format.apply("a\nb\n", at(123)),
            "2026-11-21T06:57:41.123000Z a\n2026-11-21T06:57:41.123000Z b\n");
  EXPECT_EQ(format.apply("c\n", at(1999)), "2026-11-21T06:57:42.999000Z c\n");
}

TEST(FormatTest, TimesMayBeThoseOfDlog) {
  Format format({.timestamp = true, .in_seconds = true, .prefix = "x "});
  EXPECT_EQ(format.apply("a\n", at(999)), "2026-11-21/06:57:41 x a\n");
  EXPECT_EQ(format.apply("b\n", at(1000)), "2026-11-21/06:57:42 x b\n");
}

TEST(FormatTest, ALineInPiecesIsMarkedOnce) {
  Format format({.prefix = "> "});
  EXPECT_EQ(format.apply("a", at()), "> a");
  EXPECT_EQ(format.apply("b\nc", at()), "b\n> c");
  EXPECT_EQ(format.apply("\n", at()), "\n");
  EXPECT_EQ(format.apply("", at()), "");
}

TEST(FormatTest, EmptyLinesAreSkippedButNotTheEndOfALine) {
  Format format({.skip_empty = true});
  EXPECT_EQ(format.apply("\n\na\n\nb", at()), "a\nb");
  EXPECT_EQ(format.apply("\n\n", at()), "\n");
}

TEST(FormatTest, WhatContinuesALineIsNotMarked) {
  Format format({.prefix = "> "});
  format.continue_line();
  EXPECT_EQ(format.apply("b\nc\n", at()), "b\n> c\n");
}

}  // namespace
}  // namespace contained::sink
