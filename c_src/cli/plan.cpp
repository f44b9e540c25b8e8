#include "cli/plan.hpp"

#include <nlohmann/json.hpp>
#include <string>

#include "base/signals.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/select.hpp"
#include "cli/exit_codes.hpp"
#include "cli/report.hpp"
#include "cli/units.hpp"

namespace contained::cli {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_unlimited(const std::optional<std::uint64_t>& number) {
  return number ? Json(*number) : Json("unlimited");
}

void put_program(Json& json, const protocol::Start& start) {
  json["program"] = start.program;
  json["command"] = start.args;
  if (start.path) json["path"] = *start.path;
  if (start.cd) json["directory"] = *start.cd;
  if (start.terminal) json["pty"] = {start.terminal->size.rows, start.terminal->size.columns};
  json["clear_env"] = start.clear_env;
  auto env = Json::object();
  for (const auto& [name, value] : start.env) env[name] = value ? Json(*value) : Json(nullptr);
  json["env"] = env;
}

void put_identity(Json& json, const protocol::Identity& identity) {
  if (identity.uid) json["uid"] = *identity.uid;
  if (identity.gid) json["gid"] = *identity.gid;
  if (identity.groups) json["groups"] = *identity.groups;
  if (identity.umask) json["umask"] = *identity.umask;
  if (identity.nice) json["nice"] = *identity.nice;
  if (identity.oom_score_adj) json["oom_score_adj"] = *identity.oom_score_adj;
  for (const auto& [name, soft, hard] : identity.rlimits) {
    json["rlimits"][name] = {number_or_unlimited(soft), number_or_unlimited(hard)};
  }
  if (identity.no_new_privs) json["no_new_privs"] = true;
  if (!identity.capabilities) return;
  auto& capabilities = json["capabilities"];
  capabilities["drop"] = identity.capabilities->drop;
  if (identity.capabilities->drop_all) capabilities["drop"] = "all";
  if (identity.capabilities->keep) capabilities["keep"] = *identity.capabilities->keep;
  capabilities["ambient"] = identity.capabilities->ambient;
}

// Where the groups would be made, as far as that can be told without making them.
void put_containment(Json& json, const cgroup::Wanted& wanted) {
  json["containment"] = wanted.containment;
  const auto layout = cgroup::find_layout();
  const auto base = layout ? cgroup::choose_base(*layout, wanted.base) : layout.error();
  if (base) json["cgroup_base"] = *base;
  const auto found = cgroup::find_v1();
  if (!found) return;
  for (const auto& place : cgroup::usable_v1(*found, wanted.base)) {
    for (const auto& controller : place.controllers) json["cgroup_v1"][controller] = place.base;
  }
}

void put_placement(Json& json, const protocol::Placement& placement) {
  json["group"] = placement.group;
  if (placement.name) json["name"] = *placement.name;
  auto limits = Json::object();
  for (const auto& limit : placement.limits) limits[limit.key] = limit.value;
  json["limits"] = limits;
  for (const auto& setting : placement.settings) json["settings"][setting.file] = setting.value;
  json["on_unsupported"] = placement.ignore_unsupported ? "ignore" : "error";
}

void put_isolation(Json& json, const protocol::Isolation& isolation) {
  if (!isolation.namespaces.empty()) json["namespaces"] = isolation.namespaces;
  if (isolation.root) json["root"] = *isolation.root;
  if (isolation.chroot) json["chroot"] = *isolation.chroot;
  for (const auto& [source, target, read_only] : isolation.binds) {
    json["binds"].push_back({source, target, read_only ? "ro" : "rw"});
  }
  for (const auto& [target, bytes] : isolation.tmpfs) {
    json["tmpfs"].push_back({target, bytes ? Json(*bytes) : Json("default")});
  }
  if (isolation.read_only_root) json["read_only_root"] = true;
  using Network = protocol::Isolation::Network;
  json["network"] = isolation.network == Network::kHost   ? "host"
                    : isolation.network == Network::kNone ? "none"
                                                          : isolation.netns;
  if (isolation.hostname) json["hostname"] = *isolation.hostname;
  for (const auto& [inside, outside, count] : isolation.uid_map) {
    json["uid_map"].push_back({inside, outside, count});
  }
  for (const auto& [inside, outside, count] : isolation.gid_map) {
    json["gid_map"].push_back({inside, outside, count});
  }
}

void put_clocks(Json& json, const std::vector<protocol::TimeOffset>& offsets) {
  for (const auto& [boottime, ahead] : offsets) {
    json["time_offsets_ms"][boottime ? "boottime" : "monotonic"] = ahead;
  }
}

void put_seal(Json& json, const protocol::Seal& seal) {
  if (seal.seccomp) json["seccomp_rules"] = seal.seccomp->rules.size();
  for (const auto& [path, write] : seal.landlock) {
    json["landlock"].push_back({write ? "write" : "read", path});
  }
}

void put_life(Json& json, const protocol::Start& start) {
  if (start.timeout_ms) json["timeout_ms"] = *start.timeout_ms;
  auto ladder = Json::array();
  for (const auto& [signal, grace] : start.stop) ladder.push_back({signal_name(signal), grace});
  json["stop"] = ladder;
  json["signal_to"] = start.signal_to == protocol::Target::kAll ? "all" : "leader";
  json["linger"] = start.linger == protocol::Linger::kKill ? "kill" : "wait";
}

}  // namespace

Json plan_of(const CommandOptions& options) {
  Json json;
  put_program(json, options.start);
  put_identity(json, options.start.identity);
  put_containment(json, options.cgroups);
  put_placement(json, options.start.placement);
  put_isolation(json, options.start.isolation);
  put_clocks(json, options.start.isolation.time_offsets);
  put_seal(json, options.start.seal);
  put_life(json, options.start);
  return json;
}

int print_plan(const Json& plan) {
  const auto text = plan.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return print(text) ? kOk : kRunFailed;
}

int print_plan(const CommandOptions& options) { return print_plan(plan_of(options)); }

}  // namespace contained::cli
