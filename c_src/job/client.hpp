// Client: the other side of a job's control socket. Blocking, each wait with its deadline.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "job/namespace.hpp"

namespace contained::job {

using Deadline = std::chrono::steady_clock::time_point;

Deadline after(std::chrono::milliseconds time);

class Client {
 public:
  /// ENOENT or ECONNREFUSED: no keeper listens. EPERM: somebody else's process does.
  static Result<Client> connect(int directory);

  /// Sends one request and takes its answer; of an error its errno, the stage and the subject.
  /// |lines|: whether lines follow. ETIMEDOUT; ECONNRESET when the keeper has ended.
  Result<std::vector<std::string>> ask(const std::string& line, bool lines, Deadline until);

  /// To be called after `watch`: each event, until the keeper closes. ETIMEDOUT.
  Status await_end(const std::function<void(const std::string&)>& on_event, Deadline until);

 private:
  explicit Client(UniqueFd socket) : socket_(std::move(socket)) {}
  Result<std::string> read_line(Deadline until);
  Status send(const std::string& text, Deadline until);

  UniqueFd socket_;
  std::string unread_;
};

/// One question to a job that answers within seconds, whose answer has lines.
Result<std::vector<std::string>> ask(const Namespace& space, const std::string& job,
                                     const std::string& line);

}  // namespace contained::job
