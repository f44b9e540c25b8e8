// UniqueFd: the one owner of a file descriptor.
#pragma once

#include <unistd.h>

#include <utility>

namespace contained {

class UniqueFd {
 public:
  UniqueFd() = default;
  /// Takes ownership of |fd|; -1 owns nothing.
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }

  /// Gives the descriptor up without closing it.
  int release() { return std::exchange(fd_, -1); }

  /// Closes the descriptor held and takes ownership of |fd|.
  void reset(int fd = -1) {
    const int old = std::exchange(fd_, fd);
    // close(2) is not retried on EINTR: on Linux the descriptor is gone either way.
    if (old >= 0 && old != fd) ::close(old);
  }

 private:
  int fd_ = -1;
};

}  // namespace contained
