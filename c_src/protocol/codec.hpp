// Messages (message.hpp) to and from the bytes that README.md describes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "protocol/message.hpp"

namespace contained::protocol {

/// More credit at once than this is refused, as is a timeout of more milliseconds (34 years: the
/// clocks below count nanoseconds in 64 bits).
inline constexpr std::uint64_t kMaxCredit = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kMaxTimeoutMs = std::uint64_t{1} << 40;
inline constexpr std::int64_t kMaxTimeOffsetMs = std::int64_t{1} << 40;
inline constexpr std::uint64_t kMaxGraceMs = std::uint64_t{24} * 60 * 60 * 1000;
inline constexpr std::size_t kMaxRungs = 16;
inline constexpr int kMaxSignal = 64;

/// The request in |frame|, a payload as FrameReader hands it out. Whatever a well-formed term says,
/// it is a Request: Unusable when we cannot carry it out. An Error (EBADMSG) is a term that is not
/// well-formed, a framing violation. Input::data points into |frame|.
Result<Request> decode(std::string_view frame);

/// The whole frame, its length included.
std::string encode(const Event& event);

inline constexpr std::size_t kOutputHeaderSize = 27;

/// Writes what precedes |payload| bytes of output on the wire, README.md "The hot frame".
/// REQUIRES: 0 < payload, and 0 < id <= kMaxId.
void write_output_header(std::span<char, kOutputHeaderSize> out, Id id, Stream stream,
                         std::uint32_t payload);

}  // namespace contained::protocol
