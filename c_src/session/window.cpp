#include "session/window.hpp"

namespace contained::session {

bool Window::grant(std::uint64_t bytes) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  if (bytes > kMost || left_ + bytes > kMost) return false;
  left_ += bytes;
  return true;
}

}  // namespace contained::session
