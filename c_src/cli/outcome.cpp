#include "cli/outcome.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/signals.hpp"
#include "cli/exit_codes.hpp"
#include "cli/units.hpp"
#include "cli/usage_json.hpp"
#include "engine/not_started.hpp"

namespace contained::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string document(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json status_of(const protocol::Ended& ended) {
  Json json;
  json["status"] = ended.exited ? "exited" : "signaled";
  if (ended.exited) {
    json["code"] = ended.code;
  } else {
    json["signal"] = ended.code;
    json["signal_name"] = signal_name(ended.code);
    json["core_dumped"] = ended.core_dumped;
  }
  json["exit_code"] = exit_code_of(ended);
  json["reason"] = ended.reason;
  return json;
}

// Whatever links lead there.
bool is_special(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

Status write_all(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last(Stage::kFile, path);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return Done{};
}

Status write_through(const std::string& path, std::string_view text) {
  const auto fd = open_at(AT_FDCWD, path, O_WRONLY | O_NOCTTY);
  return fd ? write_all(fd->get(), path, text) : fd.error();
}

}  // namespace

int exit_code_of(const protocol::Ended& ended) {
  if (ended.reason == "timeout") return engine::kExitTimedOut;
  return ended.exited ? ended.code : 128 + ended.code;
}

std::string json_of(const protocol::Ended& ended, std::int64_t pid) {
  auto json = status_of(ended);
  json["pid"] = pid;
  put_usage(json, ended);
  return document(json);
}

std::string json_of(const Error& failure) {
  Json json;
  json["status"] = "failed";
  json["exit_code"] = engine::exit_code_of(failure);
  json["stage"] = name(failure.stage);
  json["error"] = errno_name(failure.code);
  json["subject"] = failure.subject;
  return document(json);
}

Status replace_file(const std::string& path, const std::string& text) {
  if (is_special(path)) return write_through(path, text);
  const auto draft = path + "." + std::to_string(::getpid());
  ::unlink(draft.c_str());
  UniqueFd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) return Error::last(Stage::kFile, path);
  auto written = write_all(fd.get(), path, text);
  if (written && ::rename(draft.c_str(), path.c_str()) != 0) {
    written = Error::last(Stage::kFile, path);
  }
  if (!written) ::unlink(draft.c_str());
  return written;
}

void remove_old_file(const std::string& path) {
  if (!is_special(path)) ::unlink(path.c_str());
}

}  // namespace contained::cli
