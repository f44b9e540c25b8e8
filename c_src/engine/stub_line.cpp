#include "engine/stub_line.hpp"

#include <cerrno>
#include <utility>
#include <variant>

namespace contained::engine {

StubLine::StubLine(asio::io_context& io, UniqueFd control, StubLineOwner& owner) : owner_(owner) {
  control_.emplace(io, control.release());
}

void StubLine::wait() {
  control_->async_wait(Descriptor::wait_read, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (error || !self || !self->control_) return;
    self->read_events();
    if (self->control_) self->wait();
  });
}

pid_t StubLine::leader() {
  if (leader_ != 0 || !control_) return leader_;
  const auto event = process::read_stub(control_->native_handle());
  if (!event) return 0;
  if (const auto* first = std::get_if<process::StubLeader>(&*event)) on(*first);
  return leader_;
}

void StubLine::read_events() {
  const auto self = shared_from_this();  // what is told may end the owner
  while (control_) {
    const auto event = process::read_stub(control_->native_handle());
    if (!event) return;
    std::visit([this](const auto& what) { on(what); }, *event);
  }
}

void StubLine::on(const process::StubSignaled& event) {
  if (signals_.empty()) return;
  const auto done = std::move(signals_.front());
  signals_.pop_front();
  done(event.code == 0 ? Status(Done{}) : Status(Error{event.code, Stage::kSignal, {}}));
}

void StubLine::signal(int number, bool leader_only, Answered done) {
  if (!control_) return done(Error{ESRCH, Stage::kSignal, {}});
  auto sent = process::stub_signal(control_->native_handle(), number, leader_only);
  if (!sent) return done(std::move(sent));
  signals_.push_back(std::move(done));
}

void StubLine::count() {
  if (control_) (void)process::stub_count(control_->native_handle());
}

void StubLine::kill() {
  if (control_) (void)process::stub_kill(control_->native_handle());
}

void StubLine::close() {
  control_.reset();
  const auto unanswered = std::exchange(signals_, {});
  for (const auto& done : unanswered) done(Error{ESRCH, Stage::kSignal, {}});
}

}  // namespace contained::engine
