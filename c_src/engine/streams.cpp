#include "engine/streams.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "engine/terminal.hpp"

namespace contained::engine {
namespace {

constexpr auto kUnlimited = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Streams::Streams(asio::io_context& io, Receiver& receiver, const protocol::Start& request,
                 StreamsOwner& owner)
    : io_(io),
      receiver_(receiver),
      owner_(owner),
      id_(request.id),
      window_(request.window),
      max_output_(request.max_output) {}

Streams::~Streams() {
  for_each_pump(&Pump::detach);
  for (const auto& mouth : mouths_) {
    if (mouth->feeder) mouth->feeder->detach();
  }
}

void Streams::open(Pipes&& pipes) {
  terminal_ = std::move(pipes.terminal);
  lanes_.reserve(pipes.outputs.size());
  for (auto& [stream, fd] : pipes.outputs) {
    auto pump = std::make_shared<Pump>(io_, std::move(fd), id_, stream, receiver_,
                                       static_cast<PumpOwner&>(*this));
    lanes_.push_back({stream, std::move(pump), session::Window(window_)});
  }
  for (auto& [number, fd, feed, terminal] : pipes.inputs) {
    auto mouth = std::make_unique<Mouth>(*this, number);
    if (feed)
      mouth->feeder =
          std::make_shared<Feeder>(io_, std::move(fd), terminal, static_cast<FeederOwner&>(*mouth));
    else
      mouth->silent = std::move(fd);
    mouths_.push_back(std::move(mouth));
  }
}

void Streams::begin() {
  begun_ = true;
  for_each_pump(&Pump::resume);
}

void Streams::drain() {
  draining_ = true;
  for_each_pump(&Pump::drain);
}

void Streams::discard() {
  terminal_.reset();
  for_each_pump(&Pump::discard);
}

void Streams::abandon() {
  abandoned_ = true;
  for_each_pump(&Pump::resume);
}

// ---- Requests

std::string_view Streams::input(const protocol::Input& request) {
  auto* to = feeder(request.fd);
  if (to == nullptr) return "not_piped";
  return to->feed(request.data) ? "" : "window_exceeded";
}

std::string_view Streams::close_input(int fd) {
  auto* to = feeder(fd);
  if (to == nullptr) return "not_piped";
  to->close();
  return {};
}

std::string_view Streams::credit(const protocol::Credit& request) {
  auto* granted = lane(request.stream);
  if (granted == nullptr) return "not_piped";
  if (!granted->window.grant(request.bytes)) return "bad_credit";
  if (begun_) granted->pump->resume();
  return {};
}

Status Streams::resize(const protocol::TerminalSize& size) const {
  if (!terminal_) return Error{ENOTTY, Stage::kStdio, "pty"};
  return engine::resize(terminal_.get(), size);
}

std::uint64_t Streams::sent(protocol::Stream stream) const {
  for (const auto& each : lanes_) {
    if (each.stream == stream) return each.sent;
  }
  return 0;
}

// ---- The pumps

Streams::Lane* Streams::lane(protocol::Stream stream) {
  const auto found = std::find_if(lanes_.begin(), lanes_.end(),
                                  [stream](const Lane& each) { return each.stream == stream; });
  return found == lanes_.end() ? nullptr : &*found;
}

Feeder* Streams::feeder(int number) {
  for (const auto& mouth : mouths_) {
    if (mouth->number == number) return mouth->feeder.get();
  }
  return nullptr;
}

void Streams::for_each_pump(void (Pump::*method)()) {
  // The end of the last pump may finish the session; what is called lives until then.
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const auto pump = lanes_[i].pump;
    (pump.get()->*method)();
  }
}

Allowance Streams::allowance(protocol::Stream stream) {
  if (abandoned_) return {kUnlimited, false};
  const auto left = max_output_ ? *max_output_ - all_sent_ : kUnlimited;
  if (left == 0) return {0, true};
  return {draining_ ? left : std::min(left, lane(stream)->window.left()), false};
}

void Streams::on_taken(protocol::Stream stream, std::size_t bytes) {
  if (abandoned_) return;
  auto* taken = lane(stream);
  taken->sent += bytes;
  all_sent_ += bytes;
  if (!draining_) taken->window.take(bytes);
}

void Streams::on_stream_end(protocol::Stream stream) {
  if (begun_) receiver_.send_later(protocol::Closed{id_, stream});
  owner_.on_stream_end();
}

// ---- The feeders

void Streams::Mouth::on_fed(std::size_t bytes) {
  streams.receiver_.send(protocol::InputCredit{streams.id_, bytes, number});
}

void Streams::Mouth::on_input_closed(int code) {
  streams.receiver_.send(protocol::InputClosed{streams.id_, errno_name(code), number});
}

}  // namespace contained::engine
