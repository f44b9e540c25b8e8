#include "engine/pump.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/file.hpp"
#include "engine/carrier.hpp"

namespace contained::engine {

namespace {
// A stream that has moved so much is worth a larger pipe. Not before: unprivileged users have a
// quota.
constexpr std::uint64_t kBusyStream = 1U << 20;

// A busy stream that has just brought so much is given a moment to bring more: taking each page as
// it comes costs a wake-up of everybody for each, and half of the throughput on a small machine.
constexpr std::size_t kBulk = 16U << 10;
constexpr std::chrono::microseconds kBreath{300};
}  // namespace

Pump::Pump(asio::io_context& io, UniqueFd pipe, protocol::Id id, protocol::Stream stream,
           Receiver& receiver, PumpOwner& owner)
    : watched_(io),
      resting_(std::move(pipe)),
      id_(id),
      stream_(stream),
      receiver_(receiver),
      owner_(&owner) {}

void Pump::resume() {
  if (ended_ || waiting_ || offered_ || owner_ == nullptr) return;
  const auto allowed = owner_->allowance(stream_);
  if (allowed.bytes > 0 || allowed.probe) wait();
}

void Pump::drain() {
  draining_ = true;
  if (!ended_) offer();
}

void Pump::discard() {
  if (!ended_) end();
}

void Pump::detach() {
  owner_ = nullptr;
  ended_ = true;
  watched_.close();
  resting_.reset();
}

void Pump::wait() {
  waiting_ = true;
  if (resting_) watched_.assign(resting_.release());
  watched_.async_wait(Descriptor::wait_read, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (!error && self && !self->ended_) self->on_readable();
  });
}

void Pump::on_readable() {
  waiting_ = false;
  if (is_busy()) resting_.reset(watched_.release());
  offer();
}

void Pump::offer() {
  if (std::exchange(offered_, true)) return;
  receiver_.offer(shared_from_this());
}

std::size_t Pump::take_turn(Carrier& carrier) {
  offered_ = false;
  if (ended_) return 0;
  const auto allowed = owner_->allowance(stream_);
  if (allowed.probe) {
    probe();
    return 0;
  }
  const auto most =
      static_cast<std::size_t>(std::min<std::uint64_t>(allowed.bytes, Carrier::kMostPerFrame));
  if (most == 0) return 0;
  switch (carrier.load(pipe(), most, id_, stream_)) {
    case Take::kTaken:
      settle(carrier.payload(), most);
      return carrier.payload();
    case Take::kNothing:
      draining_ ? end() : resume();
      return 0;
    case Take::kEnd:
      end();
      return 0;
  }
  return 0;
}

// With `max_output` used up, the end of the stream is still the end, but a byte more is too much.
void Pump::probe() {
  char byte = 0;
  const auto count = ::read(pipe(), &byte, 1);
  if (count > 0) return owner_->on_overflow();
  if (count == 0 || draining_) return end();
  if (errno == EAGAIN || errno == EINTR) return wait();
  end();
}

void Pump::settle(std::size_t taken, std::size_t asked) {
  const bool was_busy = is_busy();
  moved_ += taken;
  // Worth a larger pipe now. Not before: unprivileged users have a quota.
  if (is_busy() && !was_busy) enlarge_pipe(pipe());
  owner_->on_taken(stream_, taken);
  if (ended_) return;
  // Most likely there is more: take another turn at once; the wait comes when the pipe is empty.
  const auto allowed = owner_->allowance(stream_);
  if (draining_ || (taken >= asked / 2 && (allowed.bytes > 0 || allowed.probe))) return offer();
  moved_ >= kBusyStream&& taken >= kBulk ? breathe() : resume();
}

void Pump::breathe() {
  if (!pause_) pause_.emplace(watched_.get_executor());
  waiting_ = true;
  pause_->expires_after(kBreath);
  pause_->async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->ended_) return;
    self->waiting_ = false;
    self->offer();
  });
}

void Pump::end() {
  ended_ = true;
  watched_.close();
  resting_.reset();
  if (owner_ != nullptr) owner_->on_stream_end(stream_);
}

}  // namespace contained::engine
