#include "protocol/term.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <limits>
#include <string>

#include "protocol/frame.hpp"
#include "protocol/golden.hpp"

namespace contained::protocol {
namespace {

// |hex| behind the version byte.
std::string term(std::string_view hex) { return "\x83" + from_hex(hex); }

bool good(std::string_view hex) { return check_term(term(hex)).ok(); }

std::string nested(std::size_t depth, std::string_view opening, std::string_view end) {
  std::string hex;
  for (std::size_t i = 0; i < depth; ++i) hex += opening;
  return hex.append(end);
}

TEST(CheckTerm, AcceptsEveryKindOfData) {
  EXPECT_TRUE(good("61FF"));                // 255
  EXPECT_TRUE(good("62FFFFFFFF"));          // -1
  EXPECT_TRUE(good("463FF0000000000000"));  // 1.0
  EXPECT_TRUE(good("6A"));                  // []
  EXPECT_TRUE(good("6B00020102"));          // [1,2]
  EXPECT_TRUE(good("6D000000026869"));      // <<"hi">>
  EXPECT_TRUE(good("6400026F6B"));          // ok, ATOM_EXT
  EXPECT_TRUE(good("73026F6B"));            // ok, SMALL_ATOM_EXT
  EXPECT_TRUE(good("7600026F6B"));          // ok, ATOM_UTF8_EXT
  EXPECT_TRUE(good("77026F6B"));            // ok, SMALL_ATOM_UTF8_EXT
  EXPECT_TRUE(good("6E0401FFFFFFFF"));      // a negative bignum
  EXPECT_TRUE(good("6F000000010005"));      // 5, LARGE_BIG_EXT
  EXPECT_TRUE(good("6800"));                // {}
  EXPECT_TRUE(good("69000000016101"));      // {1}, LARGE_TUPLE_EXT
  EXPECT_TRUE(good("6C0000000161016A"));    // [1]
  EXPECT_TRUE(good("6C0000000161016102"));  // [1|2]
  EXPECT_TRUE(good("740000000161016102"));  // #{1 => 2}
  EXPECT_TRUE(good("7400000000"));          // #{}
}

TEST(CheckTerm, RefusesWhatIsNotOneTermBehindAVersion) {
  EXPECT_FALSE(check_term("").ok());
  EXPECT_FALSE(check_term("\x83").ok());
  EXPECT_FALSE(check_term("\x82j").ok());
  EXPECT_TRUE(check_term("\x83j").ok());
  EXPECT_FALSE(check_term("\x83jj").ok());
}

TEST(CheckTerm, SaysWhereAndThatItIsABadMessage) {
  const auto status = check_term("\x83\x01");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message(), "protocol: ebadmsg (term, near byte 2)");
}

TEST(CheckTerm, RefusesTagsOfOneVmAndUnknownOnes) {
  EXPECT_FALSE(good("50000000027801636000000200016A"));        // compressed
  EXPECT_FALSE(good("5877036E6F64000000010000000200000000"));  // pid
  EXPECT_FALSE(good("5977036E6F640000000100000000"));          // port
  EXPECT_FALSE(good("5A000177036E6F640000000000000001"));      // reference
  EXPECT_FALSE(
      good("7177036D6F64770166"
           "6101"));                                                         // fun m:f/1
  EXPECT_FALSE(good("63312E30303030303030303030303030303030303030303030"));  // FLOAT_EXT
  EXPECT_FALSE(good("FF"));
}

TEST(CheckTerm, NestsSixteenDeepAndNoMore) {
  for (const auto* tuple : {"6801", "6900000001"}) {
    EXPECT_TRUE(good(nested(kMaxDepth, tuple, "6A")));
    EXPECT_FALSE(good(nested(kMaxDepth + 1, tuple, "6A")));
  }
  EXPECT_FALSE(good(nested(kMaxDepth + 1, "68016C00000001", "6A6A")));
  EXPECT_FALSE(good(nested(kMaxDepth + 1, "74000000016101", "6A")));
}

TEST(CheckTerm, SurvivesAMillionLevels) {
  EXPECT_FALSE(good(nested(1'000'000, "6801", "6A")));
  EXPECT_FALSE(good(nested(1'000'000, "6C00000001", "6A")));
}

TEST(CheckTerm, CountsTheDepthNotTheBreadth) {
  std::string hex = "69000003E8";
  for (int i = 0; i < 1000; ++i) hex += "68016A";
  EXPECT_TRUE(good(hex));
}

TEST(CheckTerm, RefusesCountsBeyondTheBytes) {
  EXPECT_FALSE(good("64FFFF61"));      // atom
  EXPECT_FALSE(good("77FF61"));        // atom
  EXPECT_FALSE(good("6DFFFFFFFF61"));  // binary
  EXPECT_FALSE(good("6BFFFF61"));      // string
  EXPECT_FALSE(good("68FF6A"));        // tuple
  EXPECT_FALSE(good("69FFFFFFFF6A"));  // tuple
  EXPECT_FALSE(good("6CFFFFFFFF6A"));  // list
  EXPECT_FALSE(good("74FFFFFFFF6A"));  // map
  EXPECT_FALSE(good("74800000006A"));  // map, twice the count is 0 in 32 bits
  EXPECT_FALSE(good("6EFF0001"));      // bignum
  EXPECT_FALSE(good("6FFFFFFFFF0001"));
}

TEST(CheckTerm, RefusesAListOfNoElementsWithATail) { EXPECT_FALSE(good("6C000000006A")); }

TEST(CheckTerm, RefusesABignumWithAStrangeSign) { EXPECT_FALSE(good("6E010205")); }

TEST(CheckTerm, TakesAtomsOf255Characters) {
  const std::string ascii = nested(255, "61", "");
  EXPECT_TRUE(good("77FF" + ascii));
  EXPECT_TRUE(good("6400FF" + ascii));
  EXPECT_FALSE(good("640100" + ascii + "61"));
  EXPECT_FALSE(good("760100" + ascii + "61"));
  EXPECT_TRUE(good("7603FC" + nested(255, "F09F9880", "")));
  EXPECT_FALSE(good("760400" + nested(256, "F09F9880", "")));
}

TEST(CheckTerm, TakesAtomsInUtf8Only) {
  EXPECT_TRUE(good("7702C3A4"));
  EXPECT_TRUE(good("7704F48FBFBF"));
  for (const auto* hex : {"7701C3", "7701FF", "770180", "7702C361", "7702C080", "7703E08080",
                          "7703EDA080", "7704F4908080", "7704F0808080", "7703E282"}) {
    EXPECT_FALSE(good(hex)) << hex;
  }
}

TEST(CheckTerm, RefusesMoreThanARequest) {
  std::string bytes = term("6D007FFFFA") + std::string(kMaxRequest - 6, 'x');
  EXPECT_TRUE(check_term(bytes).ok());
  bytes = term("6D007FFFFB") + std::string(kMaxRequest - 5, 'x');
  EXPECT_FALSE(check_term(bytes).ok());
}

TEST(CheckTerm, RefusesEveryTruncationOfTheGoldenFrames) {
  for (const auto& frame : golden_frames()) {
    EXPECT_TRUE(check_term(frame.bytes).ok()) << frame.name;
    for (std::size_t size = 0; size < frame.bytes.size(); ++size) {
      // A copy of the exact size, so that a sanitizer sees a read beyond it.
      const std::vector<char> cut(frame.bytes.begin(),
                                  frame.bytes.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(check_term({cut.data(), cut.size()}).ok()) << frame.name << " at " << size;
    }
  }
}

TEST(TermReader, ReadsWhatTermWriterWrote) {
  constexpr std::string_view kWithNul("a\0b", 3);
  TermWriter out;
  out.tuple(4).atom("\xC3\xA4").binary(kWithNul).integer(-5).map(1);
  out.atom("list").list(2).count(1).count(2).end_list(2);
  TermReader in(out.bytes());
  ASSERT_TRUE(check_term(out.bytes()).ok());
  EXPECT_EQ(in.tuple(), 4U);
  EXPECT_EQ(in.atom(), "\xC3\xA4");
  EXPECT_EQ(in.binary(), kWithNul);
  EXPECT_EQ(in.integer(), -5);
  EXPECT_EQ(in.map(), 1U);
  EXPECT_EQ(in.atom(), "list");
  EXPECT_EQ(in.list(), 2U);
  EXPECT_EQ(in.integer(), 1);
  EXPECT_EQ(in.integer(), 2);
  EXPECT_TRUE(in.end_list(2));
}

TEST(TermReader, StaysBeforeAnItemOfAnotherKind) {
  const auto bytes = term("77026F6B");
  TermReader in(bytes);
  EXPECT_FALSE(in.tuple() || in.map() || in.list() || in.binary() || in.integer());
  EXPECT_FALSE(in.at_integer());
  EXPECT_EQ(in.atom(), "ok");
}

TEST(TermReader, ReadsEverySpellingOfAnAtom) {
  for (const auto* hex : {"640002E46B", "7302E46B", "760003C3A46B", "7703C3A46B"}) {
    const auto bytes = term(hex);
    EXPECT_EQ(TermReader(bytes).atom(), "\xC3\xA4k") << hex;
  }
}

TEST(TermReader, ReadsNoAtomWithANul) {
  for (const auto* hex : {"640003610062", "7703610062", "770100"}) {
    const auto bytes = term(hex);
    EXPECT_EQ(TermReader(bytes).atom(), std::nullopt) << hex;
  }
}

TEST(TermReader, HandsOutViewsOfBinaries) {
  const auto bytes = term("6D000000026869");
  const auto binary = TermReader(bytes).binary();
  ASSERT_EQ(binary, "hi");
  EXPECT_EQ(binary->data(), bytes.data() + 6);
}

TEST(TermReader, ReadsIntegersOf64Bits) {
  for (const auto value :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
        std::int64_t{255}, std::int64_t{256}, std::int64_t{1} << 27, std::int64_t{0x7fffffff},
        std::numeric_limits<std::int64_t>::max()}) {
    TermWriter out;
    out.integer(value);
    TermReader in(out.bytes());
    EXPECT_TRUE(in.at_integer());
    EXPECT_EQ(in.integer(), value);
  }
}

TEST(TermReader, TellsALargerIntegerFromNoInteger) {
  const auto bytes = term(
      "6E09000000000000000000"
      "01");
  ASSERT_TRUE(check_term(bytes).ok());
  TermReader in(bytes);
  EXPECT_EQ(in.integer(), std::nullopt);
  EXPECT_TRUE(in.at_integer());
}

TEST(TermReader, TakesBothSpellingsOfTheEmptyList) {
  for (const auto* hex : {"6A", "6B0000"}) {
    const auto bytes = term(hex);
    EXPECT_EQ(TermReader(bytes).list(), 0U) << hex;
  }
  const auto small_integers = term("6B000101");
  EXPECT_EQ(TermReader(small_integers).list(), std::nullopt);
}

TEST(TermReader, NoticesAnImproperList) {
  const auto bytes = term("6C0000000161016102");
  TermReader in(bytes);
  EXPECT_EQ(in.list(), 1U);
  EXPECT_EQ(in.integer(), 1);
  EXPECT_FALSE(in.end_list(1));
}

TEST(TermWriter, WritesAtomsAsUtf8WhateverTheVersionOfEi) {
  TermWriter out;
  EXPECT_EQ(out.atom("ok").bytes(), term("77026F6B"));
}

TEST(TermWriter, WritesAnEmptyListWhole) {
  TermWriter out;
  EXPECT_EQ(out.list(0).end_list(0).bytes(), term("6A"));
}

TEST(TermWriter, WritesCountsOf64Bits) {
  TermWriter out;
  EXPECT_EQ(out.count(std::numeric_limits<std::uint64_t>::max()).bytes(),
            term("6E0800FFFFFFFFFFFFFFFF"));
}

}  // namespace
}  // namespace contained::protocol
