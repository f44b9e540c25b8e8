#include "engine/outbox.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/file.hpp"
#include "protocol/codec.hpp"

namespace contained::engine {

namespace {
// After so many bytes the loop looks at the VM's requests and at exits before it goes on.
constexpr std::size_t kMostPerTurn = 4U << 20;
constexpr std::chrono::milliseconds kLater{5};
}  // namespace

Outbox::Outbox(asio::io_context& io, UniqueFd vm, bool splice, std::function<void()> on_broken)
    : io_(io), vm_(io), carrier_(splice), on_broken_(std::move(on_broken)), later_(io) {
  (void)set_nonblocking(vm.get());
  enlarge_pipe(vm.get());
  vm_.assign(vm.release());
}

void Outbox::send(const protocol::Event& event) {
  if (broken_) return;
  control_.push_back(protocol::encode(event));
  schedule();
}

void Outbox::send_later(const protocol::Event& event) {
  if (broken_) return;
  control_.push_back(protocol::encode(event));
  if (scheduled_ || waiting_ || std::exchange(later_armed_, true)) return;
  later_.expires_after(kLater);
  later_.async_wait([this](const boost::system::error_code& error) {
    later_armed_ = false;
    if (!error) schedule();
  });
}

void Outbox::offer(const std::shared_ptr<Source>& source) {
  ready_.push_back(source);
  schedule();
}

bool Outbox::idle() const { return control_.empty() && ready_.empty() && carrier_.empty(); }

void Outbox::flush() {
  if (!broken_) push_all();
}

// One turn for all that is queued while handlers run: frames of one moment leave in one write.
void Outbox::schedule() {
  if (scheduled_ || waiting_) return;
  scheduled_ = true;
  asio::post(io_, [this] {
    scheduled_ = false;
    turn();
  });
}

void Outbox::turn() {
  std::size_t taken = 0;
  while (push_all() && !ready_.empty()) {
    if (taken >= kMostPerTurn) return schedule();
    const auto source = std::move(ready_.front());
    ready_.pop_front();
    taken += source->take_turn(carrier_);
  }
}

// True when nothing is left that had to be written before more may be taken.
bool Outbox::push_all() {
  if (broken_) {
    carrier_.drop();
    return true;
  }
  if (waiting_) return false;
  const auto pushed = carrier_.push(vm_.native_handle());
  if (pushed == Push::kDone) return push_control();
  if (pushed == Push::kBroken)
    break_off();
  else
    wait_writable();
  return broken_;
}

bool Outbox::push_control() {
  constexpr std::size_t kBatch = 16;
  while (!control_.empty()) {
    std::array<iovec, kBatch> parts;
    const auto count = std::min(control_.size(), kBatch);
    for (std::size_t i = 0; i < count; ++i) {
      const auto skip = i == 0 ? control_sent_ : 0;
      parts[i] = {control_[i].data() + skip, control_[i].size() - skip};
    }
    const auto written = ::writev(vm_.native_handle(), parts.data(), static_cast<int>(count));
    if (written < 0) {
      if (errno == EAGAIN || errno == EINTR)
        wait_writable();
      else
        break_off();
      return broken_;
    }
    control_sent_ += static_cast<std::size_t>(written);
    while (!control_.empty() && control_sent_ >= control_.front().size()) {
      control_sent_ -= control_.front().size();
      control_.pop_front();
    }
    relieve();
  }
  return true;
}

void Outbox::relieve() {
  if (relieved_ && control_.size() < kCrowd / 2) asio::post(io_, std::exchange(relieved_, nullptr));
}

void Outbox::wait_writable() {
  if (waiting_) return;
  waiting_ = true;
  vm_.async_wait(Descriptor::wait_write, [this](const boost::system::error_code& error) {
    if (error) return;
    waiting_ = false;
    turn();
  });
}

void Outbox::break_off() {
  broken_ = true;
  carrier_.drop();
  control_.clear();
  asio::post(io_, on_broken_);
}

}  // namespace contained::engine
