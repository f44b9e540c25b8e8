#include "protocol/frame.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace contained::protocol {
namespace {

std::string framed(std::string_view payload) {
  std::string frame(kLengthSize, '\0');
  store_be32(frame.data(), static_cast<std::uint32_t>(payload.size()));
  return frame.append(payload);
}

// As one read(2) would: |bytes| may be longer than the room, then the rest is returned.
std::string_view put(FrameReader& reader, std::string_view bytes) {
  const auto room = reader.space();
  const auto n = std::min(room.size(), bytes.size());
  std::memcpy(room.data(), bytes.data(), n);
  reader.commit(n);
  return bytes.substr(n);
}

std::vector<std::string> drain(FrameReader& reader) {
  std::vector<std::string> frames;
  for (;;) {
    auto next = reader.next();
    EXPECT_TRUE(next.ok());
    if (!next || !*next) return frames;
    frames.emplace_back(**next);
  }
}

int error_after(std::string_view bytes) {
  FrameReader reader;
  put(reader, bytes);
  const auto next = reader.next();
  return next ? 0 : next.error().code;
}

TEST(LoadBe32, ReadsWhatStoreWrote) {
  std::string bytes(4, '\0');
  store_be32(bytes.data(), 0x80FF017Fu);
  EXPECT_EQ(bytes, "\x80\xFF\x01\x7F");
  EXPECT_EQ(load_be32(bytes.data()), 0x80FF017Fu);
}

TEST(FrameReader, HoldsNothingAtFirst) {
  FrameReader reader;
  EXPECT_TRUE(reader.idle());
  EXPECT_TRUE(drain(reader).empty());
  EXPECT_GE(reader.space().size(), 64U << 10);
}

TEST(FrameReader, CutsTheLengthOff) {
  FrameReader reader;
  put(reader, framed("abc"));
  EXPECT_FALSE(reader.idle());
  EXPECT_EQ(drain(reader), std::vector<std::string>{"abc"});
  EXPECT_TRUE(reader.idle());
}

TEST(FrameReader, FindsFramesSplitAtEveryByte) {
  const std::string stream = framed("first") + framed("x") + framed(std::string(300, 'y'));
  const std::vector<std::string> expected = {"first", "x", std::string(300, 'y')};
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    FrameReader reader;
    put(reader, std::string_view(stream).substr(0, cut));
    auto frames = drain(reader);
    put(reader, std::string_view(stream).substr(cut));
    for (auto& frame : drain(reader)) frames.push_back(std::move(frame));
    EXPECT_EQ(frames, expected) << "cut at " << cut;
    EXPECT_TRUE(reader.idle());
  }
}

TEST(FrameReader, TakesOneByteAtATime) {
  const std::string stream = framed("first") + framed("second");
  FrameReader reader;
  std::vector<std::string> frames;
  for (const char& byte : stream) {
    put(reader, {&byte, 1});
    for (auto& frame : drain(reader)) frames.push_back(std::move(frame));
  }
  EXPECT_EQ(frames, (std::vector<std::string>{"first", "second"}));
}

// The frames of one read stay readable side by side until the next space().
TEST(FrameReader, FindsManyFramesInOneRead) {
  std::string stream;
  for (int i = 0; i < 5000; ++i) stream += framed(std::to_string(i));
  FrameReader reader;
  std::string_view rest = stream;
  std::size_t found = 0;
  while (!rest.empty()) {
    rest = put(reader, rest);
    for (const auto& frame : drain(reader)) EXPECT_EQ(frame, std::to_string(found++));
  }
  EXPECT_EQ(found, 5000U);
}

TEST(FrameReader, MovesTheBytesOfAPartialFrameThatReachesTheEnd) {
  const std::string payload(50U << 10, 'p');
  const std::string one = framed(payload);
  std::string stream;
  for (int i = 0; i < 40; ++i) stream += one;
  FrameReader reader;
  std::string_view rest = stream;
  int found = 0;
  while (!rest.empty()) {
    const auto piece = rest.substr(0, 33333);
    rest.remove_prefix(piece.size() - put(reader, piece).size());
    for (const auto& frame : drain(reader)) found += frame == payload ? 1 : 0;
  }
  EXPECT_EQ(found, 40);
  EXPECT_TRUE(reader.idle());
}

TEST(FrameReader, MakesRoomForTheLargestFrameAndGivesItBack) {
  const std::string payload(kMaxRequest, 'z');
  const std::string stream = framed(payload);
  FrameReader reader;
  auto rest = put(reader, std::string_view(stream).substr(0, kLengthSize));
  EXPECT_TRUE(drain(reader).empty());
  EXPECT_GE(reader.space().size(), kMaxRequest);
  rest = put(reader, std::string_view(stream).substr(kLengthSize));
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(drain(reader), std::vector<std::string>{payload});
  EXPECT_LE(reader.space().size(), 1U << 20);
}

TEST(FrameReader, RefusesALengthOfZero) {
  EXPECT_EQ(error_after(std::string_view("\0\0\0\0", 4)), EPROTO);
}

TEST(FrameReader, RefusesALengthAboveTheLimit) {
  EXPECT_EQ(error_after(std::string_view("\x00\x80\x00\x01", 4)), EMSGSIZE);
  EXPECT_EQ(error_after("\xFF\xFF\xFF\xFF"), EMSGSIZE);
  EXPECT_EQ(error_after(std::string_view("\x00\x80\x00\x00", 4)), 0);
}

TEST(FrameReader, AllocatesNothingForALengthItRefuses) {
  FrameReader reader;
  const auto before = reader.space().size();
  put(reader, "\xFF\xFF\xFF\xFF");
  EXPECT_LE(reader.space().size(), before);
}

TEST(FrameReader, StaysInErrorAfterTheGoodFrames) {
  FrameReader reader;
  put(reader, framed("good") + std::string(kLengthSize, '\0') + framed("late"));
  auto first = reader.next();
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*first, "good");
  for (int i = 0; i < 2; ++i) {
    const auto next = reader.next();
    ASSERT_FALSE(next.ok());
    EXPECT_EQ(next.error().code, EPROTO);
    EXPECT_EQ(next.error().stage, Stage::kProtocol);
  }
  EXPECT_FALSE(reader.idle());
}

}  // namespace
}  // namespace contained::protocol
