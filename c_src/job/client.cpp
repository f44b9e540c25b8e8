#include "job/client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/file.hpp"
#include "job/address.hpp"
#include "job/job.hpp"
#include "job/lines.hpp"

namespace contained::job {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAnswerTime{5000};

Status wait_for(int fd, short events, Deadline until) {
  for (;;) {
    const auto left = until - std::chrono::steady_clock::now();
    const auto ms = std::chrono::ceil<milliseconds>(left).count();
    pollfd ready = {fd, events, 0};
    if (ms <= 0) return Error{ETIMEDOUT, Stage::kProtocol, kControlFile};
    const int most = static_cast<int>(std::min<std::int64_t>(ms, 60'000));
    const int count = ::poll(&ready, 1, most);
    if (count > 0) return Done{};
    if (count < 0 && errno != EINTR) return Error::last(Stage::kProtocol, kControlFile);
  }
}

}  // namespace

Deadline after(milliseconds time) { return std::chrono::steady_clock::now() + time; }

Result<Client> Client::connect(int directory) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return Error::last(Stage::kProtocol, kControlFile);
  const auto address = control_address(directory);
  if (::connect(socket.get(), address.any(), address.size()) < 0) {
    return Error::last(Stage::kProtocol, kControlFile);
  }
  if (!is_ours(socket.get())) return Error{EPERM, Stage::kProtocol, kControlFile};
  return Client(std::move(socket));
}

Status Client::send(const std::string& text, Deadline until) {
  for (std::size_t sent = 0; sent < text.size();) {
    auto ready = wait_for(socket_.get(), POLLOUT, until);
    if (!ready) return ready;
    const auto count = ::send(socket_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
      return Error{ECONNRESET, Stage::kProtocol, kControlFile};
    }
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
  return Done{};
}

Result<std::string> Client::read_line(Deadline until) {
  for (;;) {
    const auto end = unread_.find('\n');
    if (end != unread_.npos) {
      auto line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    const auto ready = wait_for(socket_.get(), POLLIN, until);
    if (!ready) return ready.error();
    std::array<char, 4096> bytes;
    const auto count = ::read(socket_.get(), bytes.data(), bytes.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count <= 0) return Error{ECONNRESET, Stage::kProtocol, kControlFile};
    unread_.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

Result<std::vector<std::string>> Client::ask(const std::string& line, bool lines, Deadline until) {
  const auto sent = send(line + "\n", until);
  if (!sent) return sent.error();
  auto first = read_line(until);
  if (!first) return first.error();
  if (*first != "ok") return error_in(*first);
  std::vector<std::string> told;
  while (lines) {
    auto next = read_line(until);
    if (!next) return next.error();
    if (*next == ".") break;
    told.push_back(next->starts_with('.') ? next->substr(1) : std::move(*next));
  }
  return told;
}

Status Client::await_end(const std::function<void(const std::string&)>& on_event, Deadline until) {
  for (;;) {
    const auto line = read_line(until);
    if (!line && line.error().code == ECONNRESET) return Done{};
    if (!line) return line.error();
    on_event(*line);
  }
}

Result<std::vector<std::string>> ask(const Namespace& space, const std::string& job,
                                     const std::string& line) {
  const auto directory = space.job(job);
  if (!directory) return directory.error();
  auto client = Client::connect(directory->get());
  if (!client) return client.error();
  return client->ask(line, true, after(kAnswerTime));
}

}  // namespace contained::job
