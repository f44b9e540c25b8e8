// Byte credit: how much may still be sent before the other side must say that it has taken some.
#pragma once

#include <cstdint>

namespace contained::session {

class Window {
 public:
  explicit Window(std::uint64_t size) : left_(size) {}

  /// Bytes that may be sent now.
  std::uint64_t left() const { return left_; }

  /// REQUIRES: |bytes| <= left().
  void take(std::uint64_t bytes) { left_ -= bytes; }

  /// False, and nothing granted, when more than 2^40 bytes would be outstanding.
  [[nodiscard]] bool grant(std::uint64_t bytes);

 private:
  std::uint64_t left_;
};

}  // namespace contained::session
