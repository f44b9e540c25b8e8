// Pipes for tests: made non-blocking at our end, filled and read whole.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/file.hpp"

namespace contained::test {

inline PipeEnds nonblocking_pipe() {
  auto ends = make_pipe();
  EXPECT_TRUE(ends.ok());
  EXPECT_TRUE(set_nonblocking(ends->read.get()).ok());
  EXPECT_TRUE(set_nonblocking(ends->write.get()).ok());
  return std::move(ends).value();
}

inline void put(int fd, std::string_view text) {
  ASSERT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

/// All that can be read without waiting.
inline std::string take(int fd) {
  std::string text;
  std::string chunk(1 << 16, '\0');
  for (;;) {
    const auto count = ::read(fd, chunk.data(), chunk.size());
    if (count <= 0) return text;
    text.append(chunk, 0, static_cast<std::size_t>(count));
  }
}

/// Fills the pipe until it takes no more; returns the bytes written.
inline std::size_t fill(int fd) {
  const std::string block(4096, 'x');
  std::size_t written = 0;
  for (;;) {
    const auto count = ::write(fd, block.data(), block.size());
    if (count <= 0) return written;
    written += static_cast<std::size_t>(count);
  }
}

}  // namespace contained::test
