#include "engine/carrier.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "base/file.hpp"
#include "protocol/codec.hpp"

namespace contained::engine {
namespace {

constexpr std::size_t kHeader = protocol::kOutputHeaderSize;
constexpr std::size_t kReadBuffer = 64 * 1024;
// Below this a read and a write are cheaper than two splices and a header of their own.
constexpr int kWorthSplicing = 8 * 1024;

bool is_refused(int code) { return code == ENOSYS || code == EPERM || code == EINVAL; }

// Harmless as it stands: these are no descriptors (EBADF).
bool splice_is_refused() {
  return ::splice(-1, nullptr, -1, nullptr, 1, 0) < 0 && is_refused(errno);
}

Take outcome_of(ssize_t count) {
  if (count > 0) return Take::kTaken;
  if (count == 0) return Take::kEnd;
  return errno == EAGAIN || errno == EINTR ? Take::kNothing : Take::kEnd;
}

Push outcome_of_write(ssize_t) {
  return errno == EAGAIN || errno == EINTR ? Push::kBlocked : Push::kBroken;
}

}  // namespace

void enlarge_pipe(int fd) { ::fcntl(fd, F_SETPIPE_SZ, 1 << 20); }

Carrier::Carrier(bool splice) : splice_(splice), buffer_(kHeader + kReadBuffer) {
  splice_ = splice_ && !splice_is_refused();
  auto ends = splice_ ? make_pipe() : Result<PipeEnds>(PipeEnds{});
  if (!ends || !splice_) {
    splice_ = false;
    return;
  }
  enlarge_pipe(ends->write.get());
  staging_in_ = std::move(ends->write);
  staging_out_ = std::move(ends->read);
}

Take Carrier::load(int from, std::size_t most, protocol::Id id, protocol::Stream stream) {
  int waiting = 0;
  const bool large = splice_ && ::ioctl(from, FIONREAD, &waiting) == 0 && waiting >= kWorthSplicing;
  const auto take = large ? load_by_splice(from, std::min(most, kMostPerFrame))
                          : load_by_read(from, std::min(most, kReadBuffer));
  if (take != Take::kTaken) return take;
  protocol::write_output_header(std::span<char, kHeader>(buffer_.data(), kHeader), id, stream,
                                static_cast<std::uint32_t>(payload_));
  sent_ = 0;
  return take;
}

Take Carrier::load_by_splice(int from, std::size_t most) {
  const auto count =
      ::splice(from, nullptr, staging_in_.get(), nullptr, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  if (count < 0 && is_refused(errno)) {
    splice_ = false;
    return load_by_read(from, std::min(most, kReadBuffer));
  }
  const auto take = outcome_of(count);
  if (take != Take::kTaken) return take;
  payload_ = staged_ = static_cast<std::size_t>(count);
  buffered_ = kHeader;
  return take;
}

Take Carrier::load_by_read(int from, std::size_t most) {
  const auto count = ::read(from, buffer_.data() + kHeader, most);
  const auto take = outcome_of(count);
  if (take != Take::kTaken) return take;
  payload_ = static_cast<std::size_t>(count);
  buffered_ = kHeader + payload_;
  return take;
}

Push Carrier::push(int vm) {
  while (sent_ < buffered_) {
    const auto count = ::write(vm, buffer_.data() + sent_, buffered_ - sent_);
    if (count < 0) return outcome_of_write(count);
    sent_ += static_cast<std::size_t>(count);
  }
  while (staged_ > 0) {
    const auto count = ::splice(staging_out_.get(), nullptr, vm, nullptr, staged_,
                                SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (count < 0) return outcome_of_write(count);
    staged_ -= static_cast<std::size_t>(count);
  }
  return Push::kDone;
}

Push Carrier::push_payload(int to) {
  sent_ = std::max(sent_, std::min(buffered_, kHeader));
  return push(to);
}

void Carrier::drop() {
  splice_ = false;
  staging_in_.reset();
  staging_out_.reset();
  buffered_ = sent_ = staged_ = 0;
}

}  // namespace contained::engine
