// What a command has used and met, alike in the result of `run` and in that of a job.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

namespace contained::cli {

inline void put_known(nlohmann::ordered_json& json, const char* key,
                      const std::optional<std::uint64_t>& value) {
  if (value) json[key] = *value;
}

/// Of a protocol::Ended or a job::Outcome.
template <class End>
void put_usage(nlohmann::ordered_json& json, const End& end) {
  json["left_behind"] = end.left_behind;
  json["unkilled"] = end.unkilled;
  json["wall_us"] = end.wall_us;
  json["user_us"] = end.user_us;
  json["system_us"] = end.system_us;
  json["max_rss_kb"] = end.max_rss_kb;
  put_known(json, "memory_peak", end.memory_peak);
  put_known(json, "oom_kills", end.oom_kills);
  put_known(json, "io_read", end.io_read);
  put_known(json, "io_written", end.io_written);
  put_known(json, "pids_peak", end.pids_peak);
  if (!end.limits_hit.empty()) json["limits_hit"] = end.limits_hit;
  if (!end.not_applied.empty()) json["not_applied"] = end.not_applied;
}

}  // namespace contained::cli
