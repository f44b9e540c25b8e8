#include "sink/report.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace contained::sink {
namespace {

constexpr std::chrono::seconds kPause{1};

// For people; who does not read is not waited for.
void say(const std::string& text) {
  pollfd wanted = {STDERR_FILENO, POLLOUT, 0};
  const auto line = fmt::format("contained: log: {}\n", text);
  if (::poll(&wanted, 1, 0) == 1) (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

Reports::Reports(int fd) : fd_(fd) {
  const int flags = fd < 0 ? -1 : ::fcntl(fd, F_GETFL);
  if (flags < 0)
    fd_ = -1;
  else
    ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void Reports::ready() { tell("ready"); }

void Reports::failed(const Error& error) {
  tell(fmt::format("failed {} {} {}", name(error.stage), errno_name(error.code), error.subject));
}

void Reports::trouble(int code, std::string_view subject) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread
  if (!heard()) return say(fmt::format("{}: {}", subject, std::strerror(code)));
  tell(fmt::format("trouble {} {}", errno_name(code), subject));
}

void Reports::over(std::uint64_t dropped, std::string_view subject) {
  if (!heard()) return say(fmt::format("{}: {} bytes were dropped", subject, dropped));
  tell(fmt::format("over {} {}", dropped, subject));
}

void Reports::tell_counts() {
  if (!has_news() || !tell(fmt::format("counts {} {}", read_, dropped_))) return;
  told_read_ = read_;
  told_dropped_ = dropped_;
}

void Reports::tick(const Moment& now) {
  if (!has_news() || (told_at_ && now.steady - *told_at_ < kPause)) return;
  told_at_ = now.steady;
  tell_counts();
}

// A line is shorter than PIPE_BUF but for a long path, so that it is written as a whole or not.
bool Reports::tell(std::string line) {
  std::replace(line.begin(), line.end(), '\n', '?');
  line += '\n';
  ssize_t written = 0;
  do {
    written = ::write(fd_, line.data(), line.size());
  } while (written < 0 && errno == EINTR);
  return written > 0;
}

void Trouble::failed(int code, std::size_t bytes, const Moment& now) {
  last_ = now.steady;
  dropped(bytes);
  if (!std::exchange(on_, true)) reports_.trouble(code, subject_);
}

void Trouble::worked(const Moment& now) {
  if (on_ && now.steady - last_ >= kPause) end();
}

void Trouble::dropped(std::size_t bytes) {
  dropped_ += bytes;
  reports_.count_dropped(bytes);
}

void Trouble::end() {
  if (std::exchange(on_, false)) reports_.over(std::exchange(dropped_, 0), subject_);
}

}  // namespace contained::sink
