#include <gtest/gtest.h>

#include <array>

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/golden.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {
namespace {

TEST(Encode, PutsTheLengthInFront) {
  EXPECT_EQ(to_hex(encode(Started{1, 813})),
            "00000013"
            "83"
            "6803"
            "770773746172746564"
            "6101"
            "620000032D");
  EXPECT_EQ(to_hex(encode(Pong{42})),
            "0000000B"
            "83"
            "6802"
            "7704706F6E67"
            "612A");
}

TEST(Encode, TakesIdsOfEverySize) {
  for (const Id id : {1U, 255U, 256U, 1U << 27, kMaxId}) {
    const auto frame = encode(Started{id, 1});
    TermReader in(std::string_view(frame).substr(kLengthSize));
    EXPECT_EQ(in.tuple(), 3U);
    EXPECT_EQ(in.atom(), "started");
    EXPECT_EQ(in.integer(), id);
  }
}

TEST(Encode, CarriesAnyBytesInASubject) {
  const std::string subject("\0\xFF/x", 4);
  const auto frame = encode(Failed{7, "exec", "enoent", subject});
  EXPECT_TRUE(check_term(std::string_view(frame).substr(kLengthSize)).ok());
  EXPECT_TRUE(frame.ends_with(subject));
}

// What decode() hands out to be echoed, encode() takes back as a term a VM can read.
TEST(Encode, EchoesTheLongestName) {
  const std::string name(255, 'n');
  TermWriter out;
  auto decoded = decode(out.tuple(1).atom(name).bytes());
  ASSERT_TRUE(decoded.ok());
  const auto& unusable = std::get<Unusable>(*decoded);
  EXPECT_EQ(unusable.request, name);
  const auto frame = encode(Refused{unusable.id, unusable.request, unusable.reason});
  EXPECT_TRUE(check_term(std::string_view(frame).substr(kLengthSize)).ok());
}

TEST(OutputHeader, HasTheShapeElixirMatches) {
  std::array<char, kOutputHeaderSize> header;
  write_output_header(header, 0x01020304, Stream::kStderr, 0x00040000);
  EXPECT_EQ(to_hex({header.data(), header.size()}),
            "00040017"
            "83"
            "6804"
            "77066F7574707574"
            "6201020304"
            "6102"
            "6D00040000");
}

}  // namespace
}  // namespace contained::protocol
