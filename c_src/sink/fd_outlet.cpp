#include "sink/fd_outlet.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace contained::sink {

FdOutlet::FdOutlet(const FdOptions& options, Reports& reports)
    : fd_(options.fd),
      format_(options.format),
      trouble_(reports, fmt::format("fd {}", options.fd)) {}

Status FdOutlet::open() {
  if (::fcntl(fd_, F_GETFD) < 0) return Error::last(Stage::kFile, fmt::format("fd {}", fd_));
  return Done{};
}

// Others may have made it non-blocking: then its end is waited for.
void FdOutlet::write(std::string_view text, const Moment& now) {
  text = format_.apply(text, now);
  while (!text.empty()) {
    const auto written = ::write(fd_, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
      trouble_.worked(now);
      continue;
    }
    const int code = written < 0 ? errno : EIO;
    if (code == EINTR) continue;
    if (code != EAGAIN) return trouble_.failed(code, text.size(), now);
    pollfd room = {fd_, POLLOUT, 0};
    ::poll(&room, 1, -1);
  }
}

}  // namespace contained::sink
