// Server: a job's control socket, at the keeper's side. See lines.hpp for what is said.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/asio.hpp"

namespace contained::job {

class Server {
 public:
  /// Called once with the whole answer; the connection may be gone by then.
  using Reply = std::function<void(std::string)>;
  using OnRequest = std::function<void(const std::vector<std::string>& words, Reply)>;

  /// |on_request|: everything but `watch`, and lines that are none.
  Server(engine::asio::io_context& io, OnRequest on_request);
  ~Server();

  /// Listens at `control` in |directory|, which must be ours alone; one that is there is replaced.
  Status open(int directory);

  /// Tells an event to those who watch.
  void tell(const std::string& line);

  /// Takes no more connections; those that are there end with the process.
  void close() { listener_.reset(); }

 private:
  class Connection;
  void accept();
  void take(int socket);
  void on_line(const std::shared_ptr<Connection>& connection, const std::string& line);
  void drop(const Connection* connection);

  engine::asio::io_context& io_;
  OnRequest on_request_;
  std::optional<engine::Descriptor> listener_;
  std::list<std::shared_ptr<Connection>> connections_;
};

}  // namespace contained::job
