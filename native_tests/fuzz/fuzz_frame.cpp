// Raw bytes as they come from the VM, in reads of odd sizes: frames, then requests. Nothing here
// may crash, read beyond the bytes or refuse to end.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"

using namespace contained::protocol;  // NOLINT(google-build-using-namespace)

namespace {

// False when the conversation is over. Each frame is decoded from a copy of its exact size, so that
// the sanitizer sees a byte too far.
bool take_frames(FrameReader& reader) {
  for (;;) {
    auto next = reader.next();
    if (!next) return false;
    if (!*next) return true;
    const auto copy = std::make_unique<char[]>((*next)->size());
    std::memcpy(copy.get(), (*next)->data(), (*next)->size());
    if (!decode({copy.get(), (*next)->size()})) return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] + std::size_t{1};
  FrameReader reader;
  for (std::size_t at = 1; at < size; at += step) {
    const auto n = std::min(step, size - at);
    std::memcpy(reader.space().data(), data + at, n);
    reader.commit(n);
    if (!take_frames(reader)) break;
  }
  return 0;
}
