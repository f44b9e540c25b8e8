#include "cli/outcome.hpp"

#include <fcntl.h>
#include <unistd.h>

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
  const auto draft = path + "." + std::to_string(::getpid());
  ::unlink(draft.c_str());
  UniqueFd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) return Error::last(Stage::kFile, path);
  const auto written = ::write(fd.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) {
    const auto error =
        written < 0 ? Error::last(Stage::kFile, path) : Error{EIO, Stage::kFile, path};
    ::unlink(draft.c_str());
    return error;
  }
  if (::rename(draft.c_str(), path.c_str()) != 0) return Error::last(Stage::kFile, path);
  return Done{};
}

}  // namespace contained::cli
