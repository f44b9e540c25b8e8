// {packet, 4} frames cut out of a byte stream. No I/O here: the caller reads into space().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace contained::protocol {

inline constexpr std::size_t kMaxRequest = 8U << 20;  ///< bytes of payload
inline constexpr std::size_t kMaxDepth = 16;          ///< containers within each other
inline constexpr std::size_t kLengthSize = 4;

/// Reads four bytes, big endian, at |from|.
inline std::uint32_t load_be32(const char* from) {
  const auto* byte = reinterpret_cast<const unsigned char*>(from);
  return std::uint32_t{byte[0]} << 24 | std::uint32_t{byte[1]} << 16 | std::uint32_t{byte[2]} << 8 |
         byte[3];
}

/// Writes |value| as four bytes, big endian, at |to|.
inline void store_be32(char* to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *to++ = static_cast<char>(value >> shift & 0xff);
}

class FrameReader {
 public:
  /// Room to read(2) into: at least 64 KiB, and at least what the frame under way lacks. Memory
  /// grows to one frame and 64 KiB at most, if next() was called until it had no more, and is given
  /// back once the frame was taken. Invalidates the frames handed out.
  std::span<char> space();

  /// |n| bytes were read into the last space(). REQUIRES: n <= its size.
  void commit(std::size_t n);

  /// The payload of the next whole frame, valid until space() is called; nullopt when more bytes
  /// are needed. A length of 0 (EPROTO) or above kMaxRequest (EMSGSIZE) is an error that stays.
  Result<std::optional<std::string_view>> next();

  /// No byte is held that next() did not hand out: the only state an end of file may find.
  bool idle() const { return begin_ == end_; }

 private:
  std::size_t held() const { return end_ - begin_; }
  std::size_t wanted() const;
  void move_to(std::size_t capacity);

  // Not a vector: its bytes would be zeroed, and so made resident, before they are read.
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace contained::protocol
