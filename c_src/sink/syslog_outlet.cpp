#include "sink/syslog_outlet.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <thread>
#include <utility>

namespace contained::sink {
namespace {

constexpr std::size_t kPacket = 1024;  // RFC 3164, 4.1
constexpr std::size_t kLongestIdent = 64;
constexpr int kPatienceMs = 1000;

constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool daemon_is_gone(int code) {
  return code == ECONNREFUSED || code == ENOTCONN || code == ECONNRESET || code == EPIPE ||
         code == EBADF || code == EDESTADDRREQ;
}

}  // namespace

SyslogOutlet::SyslogOutlet(SyslogOptions options, Reports& reports)
    : options_(std::move(options)), trouble_(reports, options_.socket) {
  options_.ident.resize(std::min(options_.ident.size(), kLongestIdent));
}

Status SyslogOutlet::connect() {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const auto& path = options_.socket;
  if (path.size() >= sizeof address.sun_path) return Error{ENAMETOOLONG, Stage::kFile, path};
  std::copy(path.begin(), path.end(), address.sun_path);
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::last(Stage::kFile, path);
  const auto* to = reinterpret_cast<const sockaddr*>(&address);  // NOLINT(*-reinterpret-cast)
  if (::connect(socket.get(), to, sizeof address) < 0) return Error::last(Stage::kFile, path);
  socket_ = std::move(socket);
  return Done{};
}

void SyslogOutlet::write(std::string_view text, const Moment& now) {
  set_header(now);
  while (!text.empty()) {
    const auto end = text.find('\n');
    pending_ += text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto most = kPacket - header_.size();
    if (end == std::string_view::npos && pending_.size() < most) return;
    send_line(std::exchange(pending_, {}), now);
  }
}

void SyslogOutlet::finish(const Moment& now) {
  set_header(now);
  send_line(pending_, now);
  trouble_.end();
}

// "<30>Nov 21 06:57:41 ident: ", in local time.
void SyslogOutlet::set_header(const Moment& now) {
  const auto seconds = now.seconds();
  std::tm tm = {};
  ::localtime_r(&seconds, &tm);
  header_ = fmt::format("<{}>{} {:2} {:02}:{:02}:{:02} {}: ", options_.priority,
                        kMonths.at(static_cast<std::size_t>(tm.tm_mon)), tm.tm_mday, tm.tm_hour,
                        tm.tm_min, tm.tm_sec, options_.ident);
}

void SyslogOutlet::send_line(std::string_view line, const Moment& now) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const auto most = kPacket - header_.size();
  for (; !line.empty(); line.remove_prefix(std::min(most, line.size()))) {
    send_packet(line.substr(0, most), now);
  }
}

void SyslogOutlet::send_packet(std::string_view text, const Moment& now) {
  packet_.assign(header_).append(text);
  auto when = now;
  for (;;) {
    const int code = try_to_send();
    if (code == 0) return trouble_.worked(when);
    const bool drops = options_.policy == Policy::kDrop;
    trouble_.failed(code, drops ? text.size() : 0, when);
    if (drops) return print_on_console();
    std::this_thread::sleep_for(kRetry);
    when = Moment::now();
  }
}

// O_NONBLOCK: a serial line may have nobody at its other end.
void SyslogOutlet::print_on_console() const {
  if (!options_.console) return;
  const UniqueFd console(::open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  const auto line = packet_.substr(packet_.find('>') + 1) + "\r\n";
  if (console) (void)!::write(console.get(), line.data(), line.size());
}

// 0, or the errno value.
int SyslogOutlet::try_to_send() {
  bool connected = false;
  bool waited = false;
  for (;;) {
    const auto sent =
        ::send(socket_.get(), packet_.data(), packet_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    const int code = sent < 0 ? errno : 0;
    if (code == 0) return 0;
    if (code == EINTR) continue;
    const bool full = code == EAGAIN || code == ENOBUFS;
    if (full && !std::exchange(waited, true) && wait_for_room()) continue;
    if (!daemon_is_gone(code) || std::exchange(connected, true)) return code;
    if (const auto again = connect(); !again) return again.error().code;
  }
}

// Once in an episode.
bool SyslogOutlet::wait_for_room() {
  if (trouble_.on()) return false;
  pollfd room = {socket_.get(), POLLOUT, 0};
  return ::poll(&room, 1, kPatienceMs) > 0;
}

}  // namespace contained::sink
