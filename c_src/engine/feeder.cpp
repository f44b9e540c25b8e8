#include "engine/feeder.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "engine/terminal.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

namespace {
// So much of what is already written is kept at most, before the rest moves to the front.
constexpr std::size_t kMostWritten = 64U << 10;
}  // namespace

Feeder::Feeder(asio::io_context& io, UniqueFd pipe, bool terminal, FeederOwner& owner)
    : pipe_(io, pipe.release()),
      owner_(&owner),
      window_(protocol::kInputWindow),
      terminal_(terminal) {}

bool Feeder::feed(std::string_view data) {
  if (data.size() > window_.left()) return false;
  if (closed_ || closing_) return true;  // The VM was told, or has itself said so: dropped.
  if (data.empty()) return true;
  window_.take(data.size());
  at_line_start_ = data.back() == '\n';
  const bool first = pending_.empty();
  if (first) data.remove_prefix(write_some(data));
  pending_.append(data);
  if (first && !pending_.empty() && !closed_) wait();
  return true;
}

void Feeder::close() {
  if (terminal_ && !closing_) end_by_terminal();
  closing_ = true;
  if (pending_.empty()) {
    closed_ = true;
    pipe_.close();
  }
}

// A terminal stays open for its output: the end is a character.
void Feeder::end_by_terminal() {
  if (closed_) return;
  const bool first = pending_.empty();
  const auto end = end_of_input(pipe_.native_handle(), at_line_start_);
  pending_.append(end);
  own_ = end.size();
  if (first && !end.empty()) write_pending();
}

void Feeder::detach() {
  owner_ = nullptr;
  closed_ = true;
  pipe_.close();
}

std::size_t Feeder::write_some(std::string_view data) {
  const auto count = ::write(pipe_.native_handle(), data.data(), data.size());
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) fail(errno);
    return 0;
  }
  const auto taken = static_cast<std::size_t>(count);
  const auto own = taken + own_ > data.size() ? taken + own_ - data.size() : 0;
  own_ -= own;
  if (taken == own) return taken;
  (void)window_.grant(taken - own);
  owner_->on_fed(taken - own);
  return taken;
}

void Feeder::write_pending() {
  written_ += write_some(std::string_view(pending_).substr(written_));
  if (closed_) return;
  // A command that is always behind would otherwise keep all that it was ever sent.
  if (written_ >= kMostWritten) pending_.erase(0, std::exchange(written_, 0));
  if (written_ < pending_.size()) return wait();
  pending_ = {};
  written_ = 0;
  if (closing_) close();
}

void Feeder::wait() {
  pipe_.async_wait(Descriptor::wait_write, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (!error && self && !self->closed_) self->write_pending();
  });
}

void Feeder::fail(int code) {
  closed_ = true;
  pending_ = {};
  pipe_.close();
  owner_->on_input_closed(code);
}

}  // namespace contained::engine
