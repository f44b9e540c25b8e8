#include "cli/supervise_plan.hpp"

#include <nlohmann/json.hpp>

#include "cli/plan.hpp"

namespace contained::cli {
namespace {

using Json = nlohmann::ordered_json;

template <class Value>
void put_if(Json& json, const char* key, const std::optional<Value>& value) {
  if (value) json[key] = *value;
}

void put_policy(Json& json, const supervise::Policy& policy) {
  json["once"] = policy.once;
  put_if(json, "max_respawns", policy.most_restarts);
  put_if(json, "interval_ms", policy.interval);
  put_if(json, "timeout_ms", policy.timeout);
  const auto& backoff = policy.backoff;
  json["backoff"] = {{"min_ms", backoff.min}, {"max_ms", backoff.max}, {"factor", backoff.factor}};
  if (policy.burst) {
    json["max_restarts"] = {{"restarts", policy.burst->restarts},
                            {"within_ms", policy.burst->window}};
  }
  json["signals_to"] = Json::array();
  if (policy.signals_to_command) json["signals_to"].push_back("command");
  if (policy.signals_to_logger) json["signals_to"].push_back("log_command");
  if (policy.has_logger) json["log_grace_ms"] = policy.logger_grace;
}

Json supervision_of(const SuperviseOptions& options) {
  Json json;
  json["foreground"] = options.foreground;
  put_policy(json, options.policy);
  if (const auto& load = options.policy.load) {
    json["load"] = {{"high", load->high}, {"low", load->low}, {"file", options.load_file}};
  }
  json["stderr_redirected"] = options.stderr_too;
  put_if(json, "pid_file", options.pid_file);
  put_if(json, "cmd_pid_file", options.cmd_pid_file);
  put_if(json, "info_file", options.info_file);
  put_if(json, "work_dir", options.work_dir);
  if (!options.foreground) json["syslog_socket"] = options.syslog_socket;
  return json;
}

}  // namespace

int print_plan(const SuperviseOptions& options) {
  Json json;
  json["supervision"] = supervision_of(options);
  json["command"] = plan_of(options.command);
  if (options.policy.has_logger) json["log_command"] = plan_of(options.logger);
  return print_plan(json);
}

}  // namespace contained::cli
