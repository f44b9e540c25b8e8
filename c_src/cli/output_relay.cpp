#include "cli/output_relay.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <utility>

#include "base/unique_fd.hpp"

namespace contained::cli {

// As for our stdin, see InputRelay::begin(). A regular file always has room, and epoll(7) does not
// take it.
OutputRelay::OutputRelay(engine::asio::io_context& io, std::function<void(std::size_t)> on_written,
                         std::function<void()> on_broken)
    : io_(io), on_written_(std::move(on_written)), on_broken_(std::move(on_broken)) {
  UniqueFd poll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted = {};
  wanted.events = EPOLLOUT;
  const int added = ::epoll_ctl(poll.get(), EPOLL_CTL_ADD, STDOUT_FILENO, &wanted);
  if (added == 0) room_.emplace(io_, poll.release());
}

void OutputRelay::offer(const std::shared_ptr<engine::Source>& source) {
  waiting_.push_back(source);
  if (waiting_.size() == 1 && carrier_.empty()) engine::asio::post(io_, [this] { take(); });
}

void OutputRelay::take() {
  while (carrier_.empty() && !waiting_.empty()) {
    const auto source = std::move(waiting_.front());
    waiting_.pop_front();
    source->take_turn(carrier_);
  }
  if (!carrier_.empty()) broken_ ? finish() : await_room();
}

void OutputRelay::await_room() {
  if (!room_) return engine::asio::post(io_, [this] { write(); });
  room_->async_wait(engine::Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (!error) write();
  });
}

// With room for anything there is room for a page, pipe(7), and more does not come from a terminal
// at once: it does not block, though our stdout may.
void OutputRelay::write() {
  switch (carrier_.push_payload(STDOUT_FILENO)) {
    case engine::Push::kBlocked:
      return await_room();
    case engine::Push::kBroken:
      broken_ = true;
      on_broken_();
      return finish();
    case engine::Push::kDone:
      return finish();
  }
}

void OutputRelay::finish() {
  const auto bytes = carrier_.payload();
  carrier_.drop();
  on_written_(bytes);
  take();
}

}  // namespace contained::cli
