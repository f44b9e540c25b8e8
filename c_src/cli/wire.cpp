#include "cli/wire.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "job/lines.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"

namespace contained::cli {
namespace {

Result<protocol::Start> start_in(std::string_view frame) {
  auto request = protocol::decode(frame);
  if (!request) return request.error();
  if (auto* start = std::get_if<protocol::Start>(&*request)) return std::move(*start);
  const auto* unusable = std::get_if<protocol::Unusable>(&*request);
  return Error{EINVAL, Stage::kProtocol, std::string(unusable ? unusable->reason : "no start")};
}

void say(const std::vector<std::string>& words) {
  fmt::print("{}\n", job::join_words(words));
  std::fflush(stdout);
}

}  // namespace

Result<protocol::Start> read_start_request(int fd) {
  protocol::FrameReader reader;
  for (;;) {
    const auto frame = reader.next();
    if (!frame) return frame.error();
    if (*frame) return start_in(**frame);
    const auto space = reader.space();
    const auto count = ::read(fd, space.data(), space.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last(Stage::kProtocol, "stdin");
    if (count == 0) return Error{ENODATA, Stage::kProtocol, "stdin"};
    reader.commit(static_cast<std::size_t>(count));
  }
}

void tell_started(pid_t pid) { say({"started", std::to_string(pid)}); }

void tell_taken(const std::string& pid) { say({"already_running", pid}); }

void tell_failed(const Error& error) {
  say({"error", std::string(name(error.stage)), errno_name(error.code), error.subject});
}

}  // namespace contained::cli
