#include "job/server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/unique_fd.hpp"
#include "job/address.hpp"
#include "job/job.hpp"
#include "job/lines.hpp"

namespace contained::job {
namespace {

using engine::Descriptor;

constexpr int kBacklog = 64;
constexpr std::size_t kMostConnections = 256;
constexpr std::size_t kLongestLine = 64U * 1024;
constexpr std::size_t kMostUnsent = 16U << 20;  // of who asks and does not read

}  // namespace

class Server::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Server& server, int socket) : server_(server), socket_(server.io_, socket) {}

  void read();
  void say(const std::string& text);
  bool watches() const { return watches_; }
  void watch() { watches_ = true; }

 private:
  bool take_bytes();
  bool take_lines();
  void write();
  void end() { server_.drop(this); }

  Server& server_;
  Descriptor socket_;
  std::string unread_;
  std::string unsent_;
  bool writing_ = false;
  bool watches_ = false;
};

void Server::Connection::read() {
  socket_.async_wait(Descriptor::wait_read, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    if (!self->take_bytes() || !self->take_lines()) return self->end();
    self->read();
  });
}

bool Server::Connection::take_bytes() {
  std::array<char, 4096> bytes;
  const auto count = ::read(socket_.native_handle(), bytes.data(), bytes.size());
  if (count > 0) unread_.append(bytes.data(), static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

bool Server::Connection::take_lines() {
  const auto self = shared_from_this();
  for (auto end = unread_.find('\n'); end != unread_.npos; end = unread_.find('\n')) {
    const auto line = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    server_.on_line(self, line);
  }
  return unread_.size() <= kLongestLine;
}

void Server::Connection::say(const std::string& text) {
  if (unsent_.size() > kMostUnsent) return;
  unsent_ += text;
  if (!writing_) write();
}

void Server::Connection::write() {
  const auto count = ::send(socket_.native_handle(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (count > 0) unsent_.erase(0, static_cast<std::size_t>(count));
  const bool broken = count < 0 && errno != EAGAIN && errno != EINTR;
  if (broken) unsent_.clear();
  writing_ = !unsent_.empty();
  if (!writing_) return;
  socket_.async_wait(Descriptor::wait_write, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (!error && self) self->write();
  });
}

Server::Server(engine::asio::io_context& io, OnRequest on_request)
    : io_(io), on_request_(std::move(on_request)) {}

Server::~Server() = default;

Status Server::open(int directory) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return Error::last(Stage::kFile, kControlFile);
  const auto address = control_address(directory);
  (void)::unlinkat(directory, kControlFile, 0);
  // Before anybody can connect: bind(2) gives it the modes that the umask leaves.
  const auto umask = ::umask(0177);
  const int bound = ::bind(socket.get(), address.any(), address.size());
  const int code = errno;
  ::umask(umask);
  if (bound < 0) return Error{code, Stage::kFile, kControlFile};
  if (::listen(socket.get(), kBacklog) < 0) return Error::last(Stage::kFile, kControlFile);
  listener_.emplace(io_, socket.release());
  accept();
  return Done{};
}

void Server::accept() {
  listener_->async_wait(Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error || !listener_) return;
    take(::accept4(listener_->native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    accept();
  });
}

void Server::take(int socket) {
  UniqueFd owned(socket);
  if (!owned || !is_ours(owned.get()) || connections_.size() >= kMostConnections) return;
  connections_.push_back(std::make_shared<Connection>(*this, owned.release()));
  connections_.back()->read();
}

void Server::on_line(const std::shared_ptr<Connection>& connection, const std::string& line) {
  const auto reply = [weak = std::weak_ptr(connection)](const std::string& text) {
    if (const auto to = weak.lock()) to->say(text);
  };
  const auto words = split_words(line);
  if (words.front() != "watch") return on_request_(words, reply);
  connection->watch();
  reply(ok_answer());
}

void Server::tell(const std::string& line) {
  for (const auto& connection : connections_) {
    if (connection->watches()) connection->say(line);
  }
}

void Server::drop(const Connection* connection) {
  connections_.remove_if([&](const auto& each) { return each.get() == connection; });
}

}  // namespace contained::job
