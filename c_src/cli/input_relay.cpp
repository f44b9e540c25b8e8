#include "cli/input_relay.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/unique_fd.hpp"

namespace contained::cli {

InputRelay::InputRelay(engine::asio::io_context& io, std::size_t window,
                       std::function<void(std::string_view)> feed, std::function<void()> on_end)
    : io_(io), room_(window), feed_(std::move(feed)), on_end_(std::move(on_end)) {}

// Asio makes non-blocking what it waits for, and our stdin is shared with others (the flag belongs
// to the open file description): it waits for an epoll instance that holds it.
void InputRelay::begin() {
  UniqueFd poll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted = {};
  wanted.events = EPOLLIN | EPOLLRDHUP;
  const int added = ::epoll_ctl(poll.get(), EPOLL_CTL_ADD, STDIN_FILENO, &wanted);
  if (added == 0) ready_.emplace(io_, poll.release());
  arm();
}

void InputRelay::arm() {
  if (ended_) return;
  // A regular file is always ready; epoll(7) does not take it.
  if (!ready_) {
    if (room_ > 0) engine::asio::post(io_, [this] { read_some(); });
    return;
  }
  ready_->async_wait(engine::Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (!error) on_ready();
  });
}

// With no room only the end counts: a command that does not read must not hide it.
void InputRelay::on_ready() {
  epoll_event event = {};
  const int count = ::epoll_wait(ready_->native_handle(), &event, 1, 0);
  const bool over = count == 1 && (event.events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0;
  if (count == 1 && room_ > 0) return read_some();
  if (over) return end();
  arm();
}

void InputRelay::read_some() {
  std::array<char, 65536> bytes = {};
  const auto count = ::read(STDIN_FILENO, bytes.data(), std::min(bytes.size(), room_));
  const bool again = count < 0 && (errno == EAGAIN || errno == EINTR);
  if (count <= 0 && !again) return end();
  if (count > 0) {
    room_ -= static_cast<std::size_t>(count);
    feed_({bytes.data(), static_cast<std::size_t>(count)});
    watch_for(room_ > 0);
  }
  arm();
}

void InputRelay::watch_for(bool input) {
  if (!ready_) return;
  epoll_event wanted = {};
  wanted.events = EPOLLRDHUP | (input ? EPOLLIN : 0U);
  ::epoll_ctl(ready_->native_handle(), EPOLL_CTL_MOD, STDIN_FILENO, &wanted);
}

void InputRelay::credit(std::size_t bytes) {
  const bool paused = room_ == 0;
  room_ += bytes;
  if (!paused || ended_) return;
  watch_for(true);
  if (!ready_) arm();
}

void InputRelay::end() {
  ended_ = true;
  on_end_();
}

}  // namespace contained::cli
