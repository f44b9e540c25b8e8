#include "protocol/frame.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace contained::protocol {
namespace {

constexpr std::size_t kMinRoom = 64U << 10;
// Holds the usual frame (64 KiB of input) with room for the next, so that memory is not moved.
constexpr std::size_t kRestCapacity = 256U << 10;

}  // namespace

std::span<char> FrameReader::space() {
  if (idle()) begin_ = end_ = 0;
  const std::size_t total = wanted();
  const bool oversized = capacity_ > kRestCapacity && total <= kRestCapacity;
  if (total > capacity_ || oversized) {
    move_to(std::max(total, kRestCapacity));
  } else if (begin_ + total > capacity_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held());
    end_ = held();
    begin_ = 0;
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

// Bytes to have room for, counted from begin_. A length that next() will refuse asks for nothing.
std::size_t FrameReader::wanted() const {
  const std::size_t total = held() + kMinRoom;
  if (held() < kLengthSize) return total;
  const std::size_t length = load_be32(buffer_.get() + begin_);
  return length > kMaxRequest ? total : std::max(total, kLengthSize + length);
}

void FrameReader::move_to(std::size_t capacity) {
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (held() > 0) std::memcpy(larger.get(), buffer_.get() + begin_, held());
  buffer_ = std::move(larger);
  capacity_ = capacity;
  end_ = held();
  begin_ = 0;
}

void FrameReader::commit(std::size_t n) { end_ += n; }

Result<std::optional<std::string_view>> FrameReader::next() {
  if (held() < kLengthSize) return std::optional<std::string_view>();
  const char* frame = buffer_.get() + begin_;
  const std::size_t length = load_be32(frame);
  if (length == 0) return Error{EPROTO, Stage::kProtocol, "empty frame"};
  if (length > kMaxRequest) return Error{EMSGSIZE, Stage::kProtocol, "frame"};
  if (held() - kLengthSize < length) return std::optional<std::string_view>();
  begin_ += kLengthSize + length;
  return std::optional(std::string_view(frame + kLengthSize, length));
}

}  // namespace contained::protocol
